//! What a search finds, and in what order.

use std::collections::BTreeSet;

use jiff::Timestamp;
use neotoma_importers::{
    provider::Patch,
    record::{
        Event, Kind, Message, MessageKind, Moment, Note, Person, Properties, Record, Ref, Task,
        fold_query,
    },
    store::{Connector, Found, Query},
};

use crate::support::{Rig, asked, fake::edit, note};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn everything() -> Query {
    Query { limit: 1000, ..Query::default() }
}

fn words(text: &str) -> Query {
    Query { words: Some(fold_query(text)), ..everything() }
}

fn ids(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.record.external_id.as_deref().unwrap()).collect()
}

/// Ids of what is found, in its order.
async fn find(rig: &Rig, query: &Query) -> Vec<String> {
    let found = rig.store.search(&rig.owner, query).await.unwrap();
    ids(&found).into_iter().map(str::to_owned).collect()
}

async fn stored(records: Vec<Record>) -> (Rig, Connector) {
    let rig = Rig::new().await;
    rig.vendor.page_size(1000);
    for record in records {
        rig.vendor.put("a", record);
    }
    let account = rig.link("one").await;
    rig.sync(&account).await;
    (rig, account)
}

fn titled(id: &str, title: &str, content: &str, at: i64) -> Record {
    let of = Note {
        title: Some(title.into()),
        content: Some(content.into()),
        created_at: Some(second(at)),
        ..Note::default()
    };
    Record::new(id, of)
}

fn person(name: &str, email: &str) -> Person {
    Person { name: Some(name.into()), email: Some(email.into()), ..Person::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_found_by_whatever_a_person_would_look_for() {
    let message = Message {
        subject: Some("Angebot".into()),
        text: Some("Die Lieferung kommt am Montag.".into()),
        from: Some(person("Zoë Müller-Lüdenscheidt", "zoe.mueller@beispiel.example")),
        channel: Some(Ref::new("C1", "vertrieb-nord")),
        ..Message::of(MessageKind::Email)
    };
    let task = Task {
        name: "Ship it".into(),
        key: Some("ABC-12".into()),
        project: Some(Ref::new("P1", "Apollo")),
        ..Task::default()
    };
    let (rig, _) = stored(vec![Record::new("mail", message), Record::new("task", task)]).await;
    for (query, found) in [
        ("angebot", "mail"),
        ("LIEFERUNG", "mail"),
        ("muller", "mail"),
        ("Müller", "mail"),
        ("zoe", "mail"),
        ("zoe.mueller@beispiel.example", "mail"),
        ("beispiel", "mail"),
        ("vertrieb", "mail"),
        ("lieferung montag", "mail"),
        ("ship", "task"),
        ("ABC-12", "task"),
        ("abc 12", "task"),
        ("apollo", "task"),
    ] {
        assert_eq!(find(&rig, &words(query)).await, [found], "{query}");
    }
    for query in ["lief", "angebot ship", "12 abc-12 13"] {
        assert_eq!(find(&rig, &words(query)).await, [""; 0], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn phrases_either_or_and_minus_mean_what_they_say() {
    let (rig, _) = stored(vec![
        titled("report", "Q3", "the Q3 report is final", 1),
        titled("draft", "Q3", "a draft of the report for Q3", 2),
        titled("lunch", "Lunch", "soup", 3),
    ])
    .await;
    assert_eq!(find(&rig, &words("q3 report")).await, ["draft", "report"]);
    assert_eq!(find(&rig, &words("\"q3 report\"")).await, ["report"]);
    assert_eq!(find(&rig, &words("q3 -draft")).await, ["report"], "though its title answers");
    assert_eq!(find(&rig, &words("-draft")).await, ["lunch", "report"]);
    assert_eq!(find(&rig, &words("soup or final")).await, ["lunch", "report"]);
    assert_eq!(find(&rig, &words("');drop table records;--")).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_without_spaces_are_found_by_any_run_of_their_characters() {
    let (rig, _) = stored(vec![
        titled("tokyo", "予定", "来週は東京で会議があります", 1),
        titled("kyoto", "予定", "京都と東北", 2),
        titled("thai", "ประชุม", "พบกันที่กรุงเทพ", 3),
    ])
    .await;
    assert_eq!(find(&rig, &words("東京")).await, ["tokyo"]);
    assert_eq!(find(&rig, &words("会議")).await, ["tokyo"]);
    assert_eq!(find(&rig, &words("京東")).await, [""; 0]);
    assert_eq!(find(&rig, &words("予定")).await, ["kyoto", "tokyo"]);
    assert_eq!(find(&rig, &words("กรุงเทพ")).await, ["thai"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_answers_comes_first_and_then_the_newest() {
    let (rig, _) = stored(vec![
        titled("old title", "invoice", "x", 1),
        titled("new title", "the invoice of May", "x", 2),
        titled("old text", "May", "the invoice", 3),
        titled("new text", "June", "another invoice", 4),
        titled("both in parts", "invoice", "of June", 5),
    ])
    .await;
    let order = ["both in parts", "new title", "old title", "new text", "old text"];
    assert_eq!(find(&rig, &words("invoice")).await, order);
    // A title answers only if all that is asked for stands in it.
    let order = ["new title", "old text"];
    assert_eq!(find(&rig, &words("invoice may")).await, order);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_out_what_they_say_and_nothing_else() {
    let starting = |at| Event::starting(Moment::At(second(at)));
    let (rig, account) = stored(vec![
        titled("note", "plan", "x", 100),
        Record::new("event", Event { title: Some("plan".into()), ..starting(200) }),
        note("undated", "plan"),
    ])
    .await;
    let other = rig.link("two").await;
    rig.vendor.put("a", titled("later", "plan", "x", 300));
    rig.sync(&other).await;
    for base in [everything(), words("plan")] {
        let of = |query: Query| {
            let rig = &rig;
            async move { find(rig, &query).await }
        };
        let of_kind = |kinds: &[Kind]| Query { kinds: kinds.to_vec(), ..base.clone() };
        assert_eq!(of(of_kind(&[Kind::Event])).await, ["event", "event"]);
        assert_eq!(of(of_kind(&[Kind::Task, Kind::Message])).await, [""; 0]);
        let of_source = |source: &str| Query { sources: vec![source.into()], ..base.clone() };
        assert_eq!(of(of_source("fake")).await.len(), 7);
        assert_eq!(of(of_source("gmail")).await.len(), 0);
        let one = Query { connector: Some(account.id), ..base.clone() };
        let mut found = of(one).await;
        found.sort();
        assert_eq!(found, ["event", "note", "undated"]);
        let between = |since: Option<i64>, until: Option<i64>| Query {
            connector: Some(other.id),
            since: since.map(second),
            until: until.map(second),
            ..base.clone()
        };
        let times = |query: Query| {
            let rig = &rig;
            async move {
                let found = rig.store.search(&rig.owner, &query).await.unwrap();
                let ids: BTreeSet<String> = ids(&found).into_iter().map(str::to_owned).collect();
                ids.into_iter().collect::<Vec<_>>()
            }
        };
        assert_eq!(times(between(Some(200), None)).await, ["event", "later"], "since is included");
        assert_eq!(times(between(None, Some(200))).await, ["note"], "until is not, nor undated");
        assert_eq!(times(between(Some(100), Some(201))).await, ["event", "note"]);
        let ever = Query {
            since: Some(Timestamp::MIN),
            until: Some(Timestamp::MAX),
            connector: Some(other.id),
            ..base.clone()
        };
        assert_eq!(times(ever).await, ["event", "later", "note"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_results_bring_every_hit_once_and_in_order() {
    let mut records = Vec::new();
    for number in 0..60 {
        // Few times, many of them equal, some absent; half of them answer by their titles.
        let created_at = (number % 5 != 0).then(|| second(i64::from(number % 3)));
        let title = if number % 2 == 0 { "invoice" } else { "other" };
        let of = Note {
            title: Some(title.into()),
            content: Some("about an invoice".into()),
            created_at,
            ..Note::default()
        };
        records.push(Record::new(format!("r{number:02}"), of));
    }
    let (rig, account) = stored(records).await;
    let other = rig.link("two").await;
    rig.sync(&other).await;
    for base in
        [everything(), words("invoice"), Query { connector: Some(account.id), ..words("invoice") }]
    {
        let whole = rig.store.search(&rig.owner, &base).await.unwrap();
        let expected = if base.connector.is_some() { 60 } else { 120 };
        assert_eq!(whole.len(), expected);
        let key = |found: &Found| {
            let place = found.place;
            (place.rank, place.occurred_at, place.id)
        };
        assert!(
            whole.windows(2).all(|pair| key(&pair[0]) > key(&pair[1])),
            "best and newest first"
        );
        if base.words.is_some() {
            assert_eq!(whole.iter().filter(|found| found.place.rank == 1).count(), expected / 2);
        }
        for size in [1, 7, 60] {
            let mut paged = Vec::new();
            let mut query = Query { limit: size, ..base.clone() };
            loop {
                let page = rig.store.search(&rig.owner, &query).await.unwrap();
                assert!(page.len() <= usize::try_from(size).unwrap());
                let Some(last) = page.last() else { break };
                query.after = Some(last.place);
                paged.extend(page.into_iter().map(|found| found.record.id));
            }
            let all: Vec<_> = whole.iter().map(|found| found.record.id).collect();
            assert_eq!(paged, all);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_follows_what_changes() {
    let (rig, account) =
        stored(vec![titled("a", "first", "x", 1), titled("b", "kept", "y", 2)]).await;
    rig.vendor.put("a", titled("a", "second", "x", 1));
    rig.sync(&account).await;
    assert_eq!(find(&rig, &words("first")).await, [""; 0]);
    assert_eq!(find(&rig, &words("second")).await, ["a"]);
    let change = |of: &mut Properties| {
        if let Properties::Note(note) = of {
            note.content = Some("patched".into());
        }
    };
    rig.vendor.on_page(move |_| edit(move |page| page.patching("b", Patch::new(change))));
    rig.sync(&account).await;
    rig.vendor.calm();
    assert_eq!(find(&rig, &words("patched")).await, ["b"]);
    rig.vendor.delete("a", "a");
    rig.sync(&account).await;
    assert_eq!(find(&rig, &words("second")).await, [""; 0]);
    assert_eq!(find(&rig, &everything()).await, ["b"]);
    rig.vendor.put("a", titled("a", "second", "x", 1));
    rig.sync(&account).await;
    assert_eq!(find(&rig, &words("second")).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_found_record_is_read_whole_and_a_removed_one_says_so() {
    let (rig, account) = stored(vec![titled("a", "title", "content", 1)]).await;
    let found = rig.store.search(&rig.owner, &words("title")).await.unwrap();
    let of = &found[0].record;
    assert_eq!((of.kind, of.source.as_str(), of.account.as_str()), (Kind::Note, "fake", "one"));
    assert_eq!(of.properties["content"], "content");
    assert_eq!((of.occurred_at, of.connector), (Some(second(1)), account.id));
    rig.vendor.delete("a", "a");
    rig.run(&account, asked()).await;
    let read = rig.store.record(&rig.owner, of.id).await.unwrap().unwrap();
    assert!(read.removed_at.is_some());
    assert_eq!(read.properties, of.properties);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_megabytes_and_one_of_a_single_endless_word_are_indexed_as_far_as_it_goes() {
    let long = (0..400_000).map(|number| format!("word{number}")).collect::<Vec<_>>().join(" ");
    let kanji: String = (0x4E00..0x9FFFu32).filter_map(char::from_u32).collect();
    let (rig, _) = stored(vec![
        titled("long", "beginning", &long, 1),
        titled("endless", "endless", &"x".repeat(3_000_000), 2),
        titled("kanji", "kanji", &kanji, 3),
    ])
    .await;
    assert_eq!(find(&rig, &everything()).await.len(), 3);
    assert_eq!(find(&rig, &words("word17")).await, ["long"]);
    assert_eq!(find(&rig, &words("endless")).await, ["endless"]);
    assert_eq!(find(&rig, &words("一丁丂")).await, ["kanji"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_brings_many_records_tells_the_planner_and_one_that_brings_few_does_not() {
    let rig = Rig::new().await;
    rig.vendor.page_size(1000);
    let known = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'records'::regclass";
    let account = rig.link("one").await;
    rig.vendor.fill("a", "few", 10);
    rig.sync(&account).await;
    for number in 0..2000 {
        rig.vendor.put("a", note(&format!("many {number}"), "text"));
    }
    let few = rig.count(known).await;
    assert!(few <= 0, "{few}");
    rig.sync(&account).await;
    rig.engine.close().await; // waits for what a run leaves to be done
    assert!(rig.count(known).await >= 2000);
}

//! What happens at the vendors while nobody looks, and what a sync must then find.

use anyhow::Context as _;
use jiff::{ToSpan as _, Zoned};

use super::sandbox::{
    Sandbox, Vendor,
    asana::{Change, NewTask},
    gmail::{Gmail, NewMail},
    slack::Post,
};

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: u64,
    /// Changed ones.
    pub updated: u64,
    /// Gone ones.
    pub removed: u64,
}

/// What happened at a vendor.
pub struct News {
    /// Where.
    pub vendor: Vendor,
    /// In words.
    pub told: Vec<String>,
    /// What a sync must find.
    pub counts: Counts,
}

/// How many records an import of everything brings.
pub fn held(sandbox: &Sandbox, vendor: Vendor) -> usize {
    match vendor {
        Vendor::Gmail => {
            let gmail = sandbox.gmail();
            let is_mail = |id: &String| {
                let labels = gmail.labels_of(id).unwrap_or_default();
                !labels.iter().any(|label| ["SPAM", "TRASH", "DRAFT"].contains(label))
            };
            gmail.ids().iter().filter(|id| is_mail(id)).count()
        }
        Vendor::Asana => sandbox.asana().reachable().len(),
        Vendor::Slack => sandbox.slack().messages().len(),
    }
}

/// A morning at Kestrel Instruments.
///
/// # Errors
/// When the world holds too little for it to happen in.
pub fn morning(sandbox: &Sandbox) -> anyhow::Result<[News; 3]> {
    Ok([mails(sandbox)?, tasks(sandbox)?, chats(sandbox)?])
}

fn mails(sandbox: &Sandbox) -> anyhow::Result<News> {
    let mut gmail = sandbox.gmail();
    let unread = mails_with(&gmail, "UNREAD").into_iter().next().context("no mail is unread")?;
    let mut offers = mails_with(&gmail, "CATEGORY_PROMOTIONS");
    offers.retain(|id| *id != unread);
    offers.truncate(2);
    gmail.deliver(
        NewMail::from("Zoë Park <zoe@kestrel.example>")
            .to("Maya Okafor <maya@kestrel.example>")
            .subject("The thicker gasket holds")
            .text("Maya,\n\nall night in the fridge at -6 °C: with the thicker gasket the barometer drift is gone. \
                   Lot K7 can go out.\n\nThe yoghurt is safe, too.\n\nZoë"),
    );
    gmail.deliver(
        NewMail::from("Lucía Fernández <lucia@kestrel.example>")
            .to("Maya Okafor <maya@kestrel.example>")
            .subject("The board liked the quarterly report")
            .text("Hola Maya,\n\nthe board read the quarterly report on the train and laughed at page 4. All numbers \
                   are accepted.\n\nLucía"),
    );
    gmail.mark_read(&unread)?;
    for id in &offers {
        gmail.trash(id)?;
    }
    Ok(News {
        vendor: Vendor::Gmail,
        told: vec![
            "2 mails arrive".into(),
            "1 is read".into(),
            format!("{} go to the trash", offers.len()),
        ],
        counts: Counts { created: 2, updated: 1, removed: count(offers.len()) },
    })
}

/// Mails that bear the label, spam and trash left out, the newest first.
fn mails_with(gmail: &Gmail, label: &str) -> Vec<String> {
    let bears = |id: &String| {
        let labels = gmail.labels_of(id).unwrap_or_default();
        labels.contains(&label) && !labels.iter().any(|of| ["SPAM", "TRASH"].contains(of))
    };
    gmail.ids().into_iter().filter(bears).collect()
}

fn tasks(sandbox: &Sandbox) -> anyhow::Result<News> {
    let mut asana = sandbox.asana();
    let tasks = asana.reachable();
    let mut chosen: Vec<String> = Vec::new();
    let mut open = |begins: &str| {
        let mut fits = tasks.iter().filter(|gid| !asana.is_done(gid) && !chosen.contains(gid));
        let named = |gid: &&String| asana.name(gid).is_some_and(|name| name.starts_with(begins));
        // In a short world there may be none of that name.
        let found = fits.clone().find(named).or_else(|| fits.next()).cloned();
        chosen.extend(found.clone());
        found.context("no task is open")
    };
    let (drift, dinner, dropped) =
        (open("Barometer drifts")?, open("Launch dinner")?, open("Cookie banner")?);
    let launch = asana.projects().into_iter().next().context("there is no project")?;
    let (me, next_week) = (asana.me(), Zoned::now().date().saturating_add(7.days()));
    let before = tasks.len();
    asana.complete_task(&drift)?;
    asana.edit_task(&dinner, Change::Due(Some(next_week)))?;
    asana.delete_task(&dropped)?;
    let removed = before - asana.reachable().len();
    asana.add_task(
        NewTask::new("Order 2,000 of the thicker gasket")
            .notes("Zoë has measured: no drift. Brandt Präzision can deliver in two weeks.")
            .in_project(&launch, Some("To do"))
            .assignee(&me)
            .due(next_week),
    )?;
    Ok(News {
        vendor: Vendor::Asana,
        told: vec![
            "1 task is added".into(),
            "1 done".into(),
            "1 moved to next week".into(),
            format!("{removed} deleted"),
        ],
        counts: Counts { created: 1, updated: 2, removed: count(removed) },
    })
}

fn chats(sandbox: &Sandbox) -> anyhow::Result<News> {
    let mut slack = sandbox.slack();
    let channel = |name: &str| {
        let id = slack.channel_named(name).with_context(|| format!("there is no #{name}"))?;
        let newest = slack.newest(&id).with_context(|| format!("#{name} is empty"))?;
        anyhow::Ok((id, newest))
    };
    let (hardware, _) = channel("hardware")?;
    let (lunch, menu) = channel("lunch")?;
    let (sales, deal) = channel("sales")?;
    let (random, regretted) = channel("random")?;
    let me = slack.me();
    let said = slack.post(
        &hardware,
        Post::new(
            &me,
            "Zoë's thicker gasket holds at -6 °C. Who would have thought: yoghurt science!",
        ),
    )?;
    slack.reply(&hardware, &said, Post::new(&me, "Gasket order is in Asana, two weeks to go."))?;
    slack.edit(
        &lunch,
        &menu,
        "The place with the red door is closed today, we cook: jollof rice",
    )?;
    slack.react(&sales, &deal, &me, "umbrella_with_rain_drops")?;
    slack.delete(&random, &regretted)?;
    Ok(News {
        vendor: Vendor::Slack,
        told: vec![
            "1 message and 1 reply are posted".into(),
            "1 is edited".into(),
            "1 gets a reaction".into(),
            "1 is deleted".into(),
        ],
        counts: Counts { created: 2, updated: 2, removed: 1 },
    })
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

//! Asana: one feed a workspace, since a task may lie in several projects. A pass reads lists (projects, subtasks, my
//! tasks) and the events of the projects that it knows.
//!
//! Asana REST API 1.0: "Get multiple tasks", "Get subtasks", "Get events on a resource", "Pagination".

mod lists;
mod task;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    lists::{Found, Me, all, me, read, task},
    task::{Named, Task},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{
        Account, Covers, Feed, Next, Page, Provider, Since,
        spec::{Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    },
    record::Kind,
    wire::Many,
};

/// The catalog's entry.
pub static SPEC: Spec = Spec {
    rank: 22,
    id: "asana",
    name: "Asana",
    kinds: &[Kind::Task],
    capabilities: &["Tasks", "projects"],
    help: "By hand it takes a personal access token, alone: profile picture > Settings > Apps > \
           View developer console > Personal access tokens.",
    oauth: Some(OAuth2 {
        app: "asana",
        authorization_url: "https://app.asana.com/-/oauth_authorize",
        token_url: "https://app.asana.com/-/oauth_token",
        revoke_url: Some("https://app.asana.com/-/oauth_revoke"),
        userinfo_url: Some("https://app.asana.com/api/1.0/users/me"),
        scopes: &[
            "tasks:read",
            "projects:read",
            "users:read",
            "workspaces:read",
            "tags:read",
            "custom_fields:read",
        ],
        authorize_params: &[("response_type", "code")],
        refresh: Refresh { access_token_seconds: Some(3600), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Asana: profile picture > Settings > Apps > View developer console > Personal \
                   access tokens.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "By OAuth only; a personal access token does not end.",
            ..Field::REFRESH_TOKEN
        },
        Field {
            name: "workspace_gid",
            label: "Workspace",
            help: "The number after /1/ in the address of any task. Without it: every workspace.",
            pattern: "[0-9]+",
            example: "1201112223334",
            selects_account: true,
            ..Field::BASE
        },
    ],
    hosts: &["app.asana.com"],
    // 150 a minute on the free plan; refused ones count.
    rate: Rate::per(50, Duration::from_secs(30)),
    // Events are delivered once at most; Asana advises to list everything now and then.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};

const API: &str = "https://app.asana.com/api/1.0";
/// Most items that a list gives.
const LIST: u32 = 100;
/// Lists that are read at once, and that one page holds.
const LISTS: usize = 8;
/// Changed tasks that one page fetches.
const TASKS: usize = 100;
/// Pages of the list of projects, which is read in one go: its offsets do not live long.
const PAGES: usize = 200;
/// Times that a list is begun again because its offset had expired.
const RESTARTS: u8 = 3;

/// The client of Asana.
pub struct Asana;

/// Where a pass over a workspace stands, or how the next one goes on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The watermark for my tasks, which have no events.
    pass: Since,
    /// Where a listing from the start begins.
    since: Option<Timestamp>,
    /// The projects, each with its event token. That is taken before the project is read, so that nothing that changes
    /// meanwhile is missed; a project without one is read whole in each pass.
    projects: BTreeMap<String, Option<String>>,
    /// What this pass has still to read; lists that are begun come first, since their offsets expire.
    todo: VecDeque<Step>,
    /// Tasks whose subtasks are still to be read: after the lists that are begun, before others add more.
    parents: BTreeSet<String>,
    /// Tasks that the events named, to be fetched once all events are read.
    changed: BTreeSet<String>,
}

/// A list to read, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    list: List,
    offset: Option<String>,
    /// The page size, where the vendor found the usual one too large.
    limit: Option<u32>,
    restarts: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum List {
    Mine,
    Project(String),
    Subtasks(String),
    Events(String),
    Task(String),
}

impl Provider for Asana {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let Me { gid, name, email } = me(client).await?;
        Ok(Account::new(gid, name).or_known_as(email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let workspaces: Many<Named> = all(client, "workspaces", &[("opt_fields", "name")]).await?;
        let wanted = client.setting("workspace_gid");
        let found = workspaces.into_iter().filter(|of| wanted.is_none_or(|gid| gid == of.gid));
        let feeds: Vec<Feed> =
            found.map(|of| Feed::new(of.gid, of.name.unwrap_or_default())).collect();
        match wanted {
            Some(gid) if feeds.is_empty() => Err(Error::invalid(
                "workspace_gid",
                format!("this account is in no workspace {gid}"),
            )),
            _ => Ok(feeds),
        }
    }

    async fn page(
        &self,
        client: &Client,
        workspace: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let (mut at, mut skipped) = match cursor {
            Some(at) if !at.is_done() => (at, 0),
            last => begin(client, workspace, last).await?,
        };
        let (mut tasks, mut gone) = (Vec::new(), BTreeSet::new());
        let steps = at.take_steps();
        for found in each(steps, LISTS, |step| read(client, workspace, &at, step)).await? {
            skipped += found.tasks.skipped;
            gone.extend(at.note(&found));
            tasks.extend(found.tasks);
        }
        // Bounded by the time of change, which no record is ordered by: such a listing can sweep nothing.
        let bounded = at.since.is_some() && at.pass.since.is_none();
        let next = if at.is_done() {
            Next::Resume(Cursor { pass: at.pass.done(), ..at })
        } else {
            Next::More(at)
        };
        let page = Page::new(tasks, next).removing(gone).skipping(skipped);
        Ok(if bounded { page.covering(Covers::Nothing) } else { page })
    }

    fn fault(&self, status: u16, _: &Value) -> Option<Error> {
        (status == 402).then(|| Error::Forbidden("this needs a paid plan of Asana".into()))
    }

    /// A task that left its last project and is not assigned to me is in no list, and yet alive.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let asked = each(ids, LISTS, |gid| async move {
            match task(client, &gid).await {
                Err(Error::NotFound | Error::Forbidden(_)) => Ok(Some(gid)),
                found => found.map(|_| None),
            }
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

/// Begins a pass: the events of the projects that are known, the tasks of those that are new, and my tasks. Gives the
/// number of projects that could not be read, too.
async fn begin(client: &Client, workspace: &Feed, last: Option<Cursor>) -> Result<(Cursor, u32)> {
    let query = [("workspace", workspace.id.as_str()), ("opt_fields", "name")];
    let projects: Many<Named> = all(client, "projects", &query).await?;
    let skipped = projects.skipped;
    let (pass, mut known) =
        last.map_or_else(Default::default, |last| (Some(last.pass), last.projects));
    let mut at = Cursor {
        pass: Since::at(pass, client.now()),
        since: client.since(),
        projects: BTreeMap::new(),
        todo: VecDeque::new(),
        parents: BTreeSet::new(),
        changed: BTreeSet::new(),
    };
    for gid in projects.into_iter().map(|project| project.gid) {
        let token = known.remove(&gid).flatten();
        let kind = if token.is_some() { List::Events } else { List::Project };
        at.todo.push_back(Step::new(kind(gid.clone())));
        at.projects.insert(gid, token);
    }
    at.todo.push_back(Step::new(List::Mine));
    Ok((at, skipped))
}

impl Cursor {
    fn is_done(&self) -> bool {
        self.todo.is_empty() && self.parents.is_empty() && self.changed.is_empty()
    }

    /// The lists that the next page holds; once all are read, the tasks that their events named.
    fn take_steps(&mut self) -> Vec<Step> {
        let lists: Vec<Step> = std::iter::from_fn(|| self.next_list()).take(LISTS).collect();
        if !lists.is_empty() {
            return lists;
        }
        let changed = std::iter::from_fn(|| self.changed.pop_first()).take(TASKS);
        changed.map(|gid| Step::new(List::Task(gid))).collect()
    }

    fn next_list(&mut self) -> Option<Step> {
        let begun = self.todo.front().is_some_and(|step| step.offset.is_some());
        if begun || self.parents.is_empty() {
            return self.todo.pop_front();
        }
        self.parents.pop_first().map(|gid| Step::new(List::Subtasks(gid)))
    }

    /// Takes note of what a step brought. Gives the tasks that are gone for sure.
    fn note(&mut self, found: &Found) -> Vec<String> {
        if let List::Project(gid) | List::Events(gid) = &found.list {
            if found.lost {
                self.projects.remove(gid);
            } else if let Some(token) = &found.token {
                self.projects.insert(gid.clone(), Some(token.clone()));
            }
        }
        if let Some(step) = &found.then {
            self.todo.push_front(step.clone());
        }
        self.changed.extend(found.changed.iter().cloned());
        for task in found.tasks.iter().filter(|task| task.num_subtasks > 0) {
            if self.is_walked(task, &found.list) {
                self.parents.insert(task.gid.clone());
            }
        }
        // Another project's events may tell of a later change: then asking for the task decides.
        found.gone.difference(&self.changed).cloned().collect()
    }

    /// Whether a task's subtasks are read because of this list. A task may be in several: the one of its first project
    /// counts, for a task without a known one any other.
    fn is_walked(&self, task: &Task, list: &List) -> bool {
        let home =
            task.projects.iter().map(|of| &of.gid).find(|gid| self.projects.contains_key(*gid));
        match list {
            List::Project(gid) => home == Some(gid),
            List::Mine | List::Subtasks(_) => home.is_none(),
            List::Task(_) => true,
            List::Events(_) => false,
        }
    }
}

impl Step {
    fn new(list: List) -> Self {
        Self { list, offset: None, limit: None, restarts: 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::providers::testing::{self, Asked, Vendor};

    fn ok(data: Value) -> (u16, Value) {
        (200, Value::from_iter([("data", data)]))
    }

    fn refused(status: u16, message: &str) -> (u16, Value) {
        (status, json!({"errors": [{"message": message}]}))
    }

    fn too_old(sync: &str) -> (u16, Value) {
        (412, json!({"errors": [{"message": "Sync token invalid or too old."}], "sync": sync}))
    }

    fn event(action: &str, gid: &str) -> Value {
        json!({"action": action, "resource": {"gid": gid, "resource_type": "task"}, "parent": null})
    }

    /// A request in short: `tasks project=p1`.
    fn short(asked: &Asked) -> String {
        let path = asked.path.strip_prefix("app.asana.com/api/1.0/").unwrap();
        let named = ["project", "assignee", "resource", "sync", "offset"];
        let said = named.iter().filter_map(|name| Some(format!(" {name}={}", asked.get(name)?)));
        said.fold(path.to_owned(), |line, part| line + &part)
    }

    /// A vendor that answers what the script knows by its short form, and empty lists.
    async fn vendor(
        script: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static,
    ) -> Vendor {
        Vendor::new(&Asana, move |asked| script(&short(asked)).unwrap_or_else(|| ok(json!([]))))
            .await
    }

    fn workspace() -> Feed {
        Feed::new("w", "Acme")
    }

    /// A cursor between two passes, with these projects and tokens.
    fn done(tokens: &[(&str, &str)]) -> Cursor {
        let now: Timestamp = "2025-02-01T12:00:00Z".parse().unwrap();
        Cursor {
            pass: Since::at(None, now).done(),
            since: None,
            projects: tokens
                .iter()
                .map(|(gid, token)| (gid.to_string(), Some(token.to_string())))
                .collect(),
            todo: VecDeque::new(),
            parents: BTreeSet::new(),
            changed: BTreeSet::new(),
        }
    }

    async fn pass(client: &Client, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
        testing::pass(&Asana, client, &workspace(), cursor).await
    }

    fn tokens(pass: testing::Pass<Cursor>) -> BTreeMap<String, Option<String>> {
        match pass.end {
            Next::Resume(at) => at.projects,
            next => panic!("{next:?}"),
        }
    }

    #[tokio::test]
    async fn a_listing_takes_tokens_before_tasks_and_walks_each_tasks_subtasks_once() {
        let vendor = vendor(|asked| {
            let home = json!([{"gid": "p1"}, {"gid": "p2"}]);
            let both = json!({"gid": "1", "num_subtasks": 1, "projects": home});
            Some(match asked {
                "projects" => ok(json!([{"gid": "p1"}, {"gid": "p2"}])),
                "events resource=p1" => too_old("s1"),
                "events resource=p2" => too_old("s2"),
                "tasks project=p1" => {
                    (200, json!({"data": [both], "next_page": {"offset": "more"}}))
                }
                "tasks project=p1 offset=more" => ok(json!([{"gid": "2"}])),
                "tasks project=p2" => ok(json!([both])),
                "tasks assignee=me" => ok(json!([both, {"gid": "3", "num_subtasks": 1}])),
                "tasks/1/subtasks" => ok(json!([{"gid": "11", "num_subtasks": 1}])),
                "tasks/3/subtasks" => ok(json!([{"gid": "31"}])),
                "tasks/11/subtasks" => ok(json!([{"gid": "111"}])),
                _ => return None,
            })
        })
        .await;
        let pass = pass(&vendor.client(), None).await.unwrap();
        let tasks = BTreeSet::from_iter(pass.ids());
        assert_eq!(tasks, BTreeSet::from(["1", "11", "111", "2", "3", "31"]));
        assert!(pass.covers.iter().all(|covers| *covers == Covers::Everything));
        assert_eq!(tokens(pass), done(&[("p1", "s1"), ("p2", "s2")]).projects);
        let asked: Vec<String> = vendor.asked().iter().map(short).collect();
        let at = |line: &str| asked.iter().position(|own| own == line).unwrap();
        assert!(at("events resource=p1") < at("tasks project=p1"));
        assert_eq!(asked.iter().filter(|line| line.ends_with("subtasks")).count(), 3);
    }

    #[tokio::test]
    async fn a_pass_fetches_what_the_events_name_once_and_reads_new_projects() {
        let vendor = vendor(|asked| {
            Some(match asked {
                "projects" => ok(json!([{"gid": "p1"}, {"gid": "p2"}, {"gid": "new"}])),
                "events resource=p1 sync=a" => {
                    (200, json!({"data": [event("changed", "1"), event("changed", "1")], "sync": "b", "has_more": true}))
                }
                "events resource=p1 sync=b" => {
                    let left = event("removed", "4");
                    let gone = [event("removed", "2"), event("deleted", "2"), event("deleted", "3"), left];
                    (200, json!({"data": gone, "sync": "c", "has_more": false}))
                }
                "events resource=p2 sync=x" => {
                    let story = json!({"gid": "s", "resource_type": "story"});
                    let parent = json!({"gid": "5", "resource_type": "task"});
                    let said = json!({"action": "added", "resource": story, "parent": parent});
                    let section = json!({"action": "added", "resource": {"gid": "9", "resource_type": "section"}});
                    let back = [event("deleted", "6"), event("undeleted", "6"), event("changed", "3")];
                    let data = [&[said, section, json!({})], &back[..]].concat();
                    (200, json!({"data": data, "sync": "y"}))
                }
                "events resource=new" => too_old("n"),
                "tasks project=new" => ok(json!([{"gid": "7"}])),
                "tasks/1" | "tasks/4" | "tasks/5" | "tasks/6" => ok(json!({"gid": asked.get(6..).unwrap()})),
                "tasks/3" => refused(404, "task: Unknown object: 3"),
                _ => return None,
            })
        })
        .await;
        let pass = pass(&vendor.client(), Some(done(&[("p1", "a"), ("p2", "x"), ("left", "z")])))
            .await
            .unwrap();
        let mut tasks = pass.ids();
        tasks.sort_unstable();
        assert_eq!(tasks, ["1", "4", "5", "6", "7"]);
        assert_eq!(pass.gone, ["2", "3"]);
        assert_eq!(pass.skipped, 1);
        assert_eq!(tokens(pass), done(&[("p1", "c"), ("p2", "y"), ("new", "n")]).projects);
        let asked = vendor.asked();
        assert!(!asked.iter().any(|asked| short(asked) == "tasks/2"), "it is known to be gone");
        let mine = asked.iter().find(|asked| asked.get("assignee").is_some()).unwrap();
        assert_eq!(mine.get("modified_since"), Some("2025-02-01T11:59:00Z"), "a minute of overlap");
    }

    #[tokio::test]
    async fn an_event_token_that_is_too_old_lists_all_afresh_since_deletions_may_have_been_missed()
    {
        let vendor = vendor(|asked| {
            Some(match asked {
                "projects" => ok(json!([{"gid": "p1"}])),
                "events resource=p1 sync=a" => too_old("b"),
                _ => return None,
            })
        })
        .await;
        let cause = pass(&vendor.client(), Some(done(&[("p1", "a")]))).await.unwrap_err();
        assert_eq!(cause, Error::CursorExpired);
    }

    #[tokio::test]
    async fn an_offset_that_expired_begins_its_list_again_and_not_for_ever() {
        let answers = |expires: bool| {
            move |asked: &str| {
                Some(match asked {
                    "projects" => ok(json!([{"gid": "p1"}])),
                    "events resource=p1" => too_old("s"),
                    "tasks project=p1" => {
                        let next = expires.then(|| json!({"offset": "old"}));
                        (200, json!({"data": [{"gid": "1"}], "next_page": next}))
                    }
                    "tasks project=p1 offset=old" => {
                        refused(400, "offset: Your pagination token has expired.")
                    }
                    _ => return None,
                })
            }
        };
        let expiring = vendor(answers(true)).await;
        let found = pass(&expiring.client(), None).await.unwrap();
        assert_eq!(found.skipped, 1, "a list that never ends well sweeps nothing");
        assert_eq!(found.records.len(), usize::from(RESTARTS) + 1);
        let mut once = done(&[]);
        once.projects.insert("p1".into(), Some("s".into()));
        once.todo.push_back(Step {
            offset: Some("old".into()),
            ..Step::new(List::Project("p1".into()))
        });
        let healed = vendor(move |asked| answers(false)(asked)).await;
        let found = pass(&healed.client(), Some(once)).await.unwrap();
        assert_eq!((found.records.len(), found.skipped), (1, 0));
    }

    #[tokio::test]
    async fn a_result_that_is_too_large_is_asked_for_in_halves() {
        let vendor = Vendor::new(&Asana, |asked| {
            let limit: u32 = asked.get("limit").unwrap_or("0").parse().unwrap();
            match short(asked).as_str() {
                "tasks assignee=me" if limit > 30 => refused(400, "The result is too large."),
                "tasks assignee=me" => (200, json!({"data": [], "next_page": {"offset": "2"}})),
                "tasks assignee=me offset=2" => {
                    assert_eq!(limit, 25, "the rest of the list too");
                    ok(json!([{"gid": "1"}]))
                }
                _ => ok(json!([])),
            }
        })
        .await;
        assert_eq!(pass(&vendor.client(), None).await.unwrap().ids(), ["1"]);
    }

    #[tokio::test]
    async fn a_project_that_may_no_longer_be_read_is_skipped_and_nothing_is_swept() {
        for status in [403, 404] {
            let vendor = vendor(move |asked| {
                Some(match asked {
                    "projects" => ok(json!([{"gid": "p1"}, {"gid": "p2"}])),
                    "events resource=p1" | "tasks project=p1" => refused(status, "Forbidden"),
                    "events resource=p2" => too_old("s2"),
                    "tasks project=p2" => ok(json!([{"gid": "1"}])),
                    _ => return None,
                })
            })
            .await;
            let pass = pass(&vendor.client(), None).await.unwrap();
            assert_eq!((pass.ids(), pass.skipped), (vec!["1"], 1));
            assert_eq!(tokens(pass), done(&[("p2", "s2")]).projects);
        }
    }

    #[tokio::test]
    async fn a_project_without_events_is_read_whole_in_each_pass() {
        let vendor = vendor(|asked| {
            Some(match asked {
                "projects" => ok(json!([{"gid": "p1"}])),
                "events resource=p1" | "events resource=p1 sync=a" => refused(403, "Forbidden"),
                "tasks project=p1" => ok(json!([{"gid": "1"}])),
                _ => return None,
            })
        })
        .await;
        for cursor in [None, Some(done(&[("p1", "a")]))] {
            let pass = pass(&vendor.client(), cursor).await.unwrap();
            assert_eq!((pass.ids(), pass.skipped), (vec!["1"], 0));
        }
    }

    #[tokio::test]
    async fn a_bounded_listing_narrows_by_the_time_of_change_and_sweeps_nothing() {
        let vendor =
            vendor(|asked| (asked == "projects").then(|| ok(json!([{"gid": "p1"}])))).await;
        let script = |asked: &str| match asked {
            "projects" => Some(ok(json!([{"gid": "p1"}]))),
            "events resource=p1" => Some(too_old("s")),
            _ => None,
        };
        drop(vendor);
        let vendor = self::vendor(script).await;
        let since = "2025-01-15T10:00:00.5Z".parse().unwrap();
        let client = vendor.client_since(Some(since), &Map::new());
        let pass = pass(&client, None).await.unwrap();
        assert!(pass.covers.iter().all(|covers| *covers == Covers::Nothing));
        let lists = vendor.asked().into_iter().filter(|asked| asked.path.ends_with("/tasks"));
        let bounds: Vec<_> =
            lists.map(|asked| asked.get("modified_since").map(str::to_owned)).collect();
        assert_eq!(bounds, vec![Some("2025-01-15T10:00:00Z".to_owned()); 2]);
    }

    #[tokio::test]
    async fn a_task_that_is_in_no_list_is_gone_only_if_it_cannot_be_read() {
        let vendor = vendor(|asked| {
            Some(match asked {
                "tasks/1" => ok(json!({"gid": "1"})),
                "tasks/2" => refused(404, "task: Unknown object: 2"),
                _ => refused(403, "Forbidden"),
            })
        })
        .await;
        let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
        let gone = Asana.confirm_gone(&vendor.client(), &workspace(), ids).await.unwrap();
        assert_eq!(gone, ["2", "3"]);
    }

    #[tokio::test]
    async fn a_workspace_that_was_chosen_is_the_only_feed_and_must_be_there() {
        let vendor = vendor(|asked| {
            let all = json!([{"gid": "1", "name": "Acme"}, {"gid": "2", "name": "Home"}]);
            Some(match asked {
                "workspaces" => ok(all),
                _ => ok(json!({"gid": "7", "name": "Greg", "email": "greg@x.de"})),
            })
        })
        .await;
        let chosen = |gid: &str| {
            vendor.client_since(None, json!({"workspace_gid": gid}).as_object().unwrap())
        };
        assert_eq!(Asana.feeds(&vendor.client()).await.unwrap().len(), 2);
        assert_eq!(Asana.feeds(&chosen("2")).await.unwrap(), [Feed::new("2", "Home")]);
        let cause = Asana.feeds(&chosen("3")).await.unwrap_err();
        assert!(
            matches!(&cause, Error::Invalid { field, .. } if field == "workspace_gid"),
            "{cause}"
        );
        let account = Asana.account(&vendor.client()).await.unwrap();
        assert!(account.id == "7" && account.is("GREG@x.de"));
    }
}

//! A person's Asana: workspaces, projects and tasks, and what happens to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date};

use super::{NoSuch, now};

mod api;
mod change;
mod events;
mod task;

use events::Events;
pub use task::NewTask;
use task::Task;

/// An object's number; the API shows it as text.
type Gid = u64;

/// What has a name: a user, a tag, a section.
#[derive(Clone)]
struct Named {
    gid: Gid,
    name: String,
}

struct User {
    gid: Gid,
    name: String,
    email: String,
}

struct Project {
    gid: Gid,
    name: String,
    workspace: Gid,
    archived: bool,
    created: Timestamp,
    modified: Timestamp,
    sections: Vec<Named>,
    /// Its tasks in the order they were added, by a growing place.
    order: BTreeMap<u64, Gid>,
}

struct Field {
    gid: Gid,
    name: String,
    kind: String,
}

/// An edit of one task.
#[derive(Clone, Debug)]
pub enum Change {
    /// Another name.
    Name(String),
    /// Another description.
    Notes(String),
    /// Another due date, or none.
    Due(Option<Date>),
    /// Another person's, by gid, or nobody's.
    Assignee(Option<String>),
    /// A tag more, by gid.
    Tag(String),
    /// A tag less, by gid.
    Untag(String),
    /// A custom field's value, by the field's gid.
    Field(String, Option<String>),
    /// Done.
    Complete,
    /// Not done after all.
    Reopen,
}

/// What one user sees of Asana.
pub struct Asana {
    users: Vec<User>,
    workspaces: Vec<Named>,
    projects: Vec<Project>,
    tags: Vec<Named>,
    fields: Vec<Field>,
    tasks: HashMap<Gid, Task>,
    deleted: HashMap<Gid, Task>,
    /// User and task: the lists of what is assigned to somebody.
    assigned: BTreeSet<(Gid, Gid)>,
    events: Events,
    made: u64,
    /// Offset tokens of an earlier one have expired.
    offsets: u64,
    clock: Option<Timestamp>,
    /// Whether the events of a subtask are in the feeds of its parents' projects. The vendor's pages do not settle it.
    pub subtask_events: bool,
}

impl Asana {
    /// A user in one workspace without projects.
    pub fn new(name: &str, email: &str, workspace: &str) -> Self {
        let mut asana = Self {
            users: Vec::new(),
            workspaces: Vec::new(),
            projects: Vec::new(),
            tags: Vec::new(),
            fields: Vec::new(),
            tasks: HashMap::new(),
            deleted: HashMap::new(),
            assigned: BTreeSet::new(),
            events: Events::default(),
            made: 1_205_000_000_000_000,
            offsets: 1,
            clock: None,
            subtask_events: true,
        };
        asana.add_user(name, email);
        asana.add_workspace(workspace);
        asana
    }

    /// What happens from now on happens at that time; `None` for the real one.
    pub fn set_clock(&mut self, at: Option<Timestamp>) {
        self.clock = at;
    }

    /// The user whose account it is.
    pub fn me(&self) -> String {
        self.users.first().map(|user| user.gid).unwrap_or_default().to_string()
    }

    /// The first workspace.
    pub fn workspace(&self) -> String {
        self.workspaces.first().map(|workspace| workspace.gid).unwrap_or_default().to_string()
    }

    /// A colleague.
    pub fn add_user(&mut self, name: &str, email: &str) -> String {
        let gid = self.gid();
        self.users.push(User { gid, name: name.to_owned(), email: email.to_owned() });
        gid.to_string()
    }

    /// A further workspace.
    pub fn add_workspace(&mut self, name: &str) -> String {
        let named = self.named(name);
        self.workspaces.push(named.clone());
        named.gid.to_string()
    }

    /// A tag.
    pub fn add_tag(&mut self, name: &str) -> String {
        let named = self.named(name);
        self.tags.push(named.clone());
        named.gid.to_string()
    }

    /// A custom field of a type: `text`, `enum`, `number`, `date`, `people`. Every task of a project has it.
    pub fn add_field(&mut self, name: &str, kind: &str) -> String {
        let gid = self.gid();
        self.fields.push(Field { gid, name: name.to_owned(), kind: kind.to_owned() });
        gid.to_string()
    }

    /// A project with its sections, in the first workspace.
    pub fn add_project(&mut self, name: &str, sections: &[&str]) -> String {
        let workspace = self.workspaces.first().map(|workspace| workspace.gid).unwrap_or_default();
        self.project_in(workspace, name, sections)
    }

    /// A project with its sections.
    pub fn add_project_in(
        &mut self,
        workspace: &str,
        name: &str,
        sections: &[&str],
    ) -> Result<String, NoSuch> {
        let found = self.workspaces.iter().find(|known| known.gid.to_string() == workspace);
        let gid = found.ok_or_else(|| NoSuch::new("workspace", workspace))?.gid;
        Ok(self.project_in(gid, name, sections))
    }

    fn project_in(&mut self, workspace: Gid, name: &str, sections: &[&str]) -> String {
        let (gid, at) = (self.gid(), self.now());
        // As in Asana, where every project has one.
        let sections = if sections.is_empty() { &["Untitled section"] } else { sections };
        let sections = sections.iter().map(|name| self.named(name)).collect();
        self.projects.push(Project {
            gid,
            name: name.to_owned(),
            workspace,
            archived: false,
            created: at,
            modified: at,
            sections,
            order: BTreeMap::new(),
        });
        gid.to_string()
    }

    /// Archived projects stay in the list of projects.
    pub fn archive_project(&mut self, project: &str) -> Result<(), NoSuch> {
        let at = self.now();
        let project = self.project_mut(project)?;
        project.archived = true;
        project.modified = at;
        Ok(())
    }

    /// The project is no longer shared with the user: it is in no list, and its tasks and events are refused.
    pub fn unshare_project(&mut self, project: &str) -> Result<(), NoSuch> {
        let gid = self.project_mut(project)?.gid;
        self.projects.retain(|project| project.gid != gid);
        let me = self.users.first().map(|user| user.gid);
        let inside: Vec<Gid> =
            self.tasks.values().filter(|task| task.lies_in(gid)).map(|task| task.gid).collect();
        for number in inside {
            let Some(task) = self.tasks.get_mut(&number) else { continue };
            task.homes.retain(|home| home.project != gid);
            if task.homes.is_empty() && task.parent.is_none() && task.assignee != me {
                self.hide(number);
            }
        }
        Ok(())
    }

    /// Takes a task that the user may no longer see away, with its subtasks.
    fn hide(&mut self, task: Gid) {
        let subtasks = self.tasks.get(&task).map(|task| task.subtasks.clone());
        for subtask in subtasks.unwrap_or_default() {
            self.hide(subtask);
        }
        self.forget_task(task);
    }

    /// Gids of the projects.
    pub fn projects(&self) -> Vec<String> {
        self.projects.iter().map(|project| project.gid.to_string()).collect()
    }

    /// Gids of all tasks and subtasks that are not deleted, in the order they were made.
    pub fn tasks(&self) -> Vec<String> {
        let mut gids: Vec<_> = self.tasks.keys().copied().collect();
        gids.sort_unstable();
        gids.into_iter().map(|gid| gid.to_string()).collect()
    }

    /// Gids of what a walk over projects, subtasks and the user's own tasks can reach.
    pub fn reachable(&self) -> Vec<String> {
        let me = self.users.first().map(|user| user.gid);
        self.tasks()
            .into_iter()
            .filter(|gid| {
                let task = gid.parse().ok().and_then(|gid| self.tasks.get(&gid));
                task.is_some_and(|task| self.is_reachable(task, me))
            })
            .collect()
    }

    fn is_reachable(&self, task: &Task, me: Option<Gid>) -> bool {
        !task.homes.is_empty()
            || (task.assignee.is_some() && task.assignee == me)
            || task
                .parent
                .and_then(|parent| self.tasks.get(&parent))
                .is_some_and(|parent| self.is_reachable(parent, me))
    }

    /// A task's name.
    pub fn name(&self, task: &str) -> Option<&str> {
        Some(&self.tasks.get(&task.parse().ok()?)?.name)
    }

    /// Whether a task is done; not so for one that is not there.
    pub fn is_done(&self, task: &str) -> bool {
        let task = task.parse().ok().and_then(|gid| self.tasks.get(&gid));
        task.is_some_and(|task| task.completed.is_some())
    }

    /// Every sync token handed out so far is too old: the feed answers 412 with a new one.
    pub fn expire_sync_tokens(&mut self) {
        self.events.expire();
    }

    /// Every offset token handed out so far has expired.
    pub fn expire_offsets(&mut self) {
        self.offsets += 1;
    }

    /// Drops the events of what happened so far; tokens stay good.
    pub fn forget_events(&mut self) {
        self.events.forget();
    }

    fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(now)
    }

    fn gid(&mut self) -> Gid {
        self.made += 1;
        self.made
    }

    fn named(&mut self, name: &str) -> Named {
        Named { gid: self.gid(), name: name.to_owned() }
    }

    fn project(&self, gid: Gid) -> Option<&Project> {
        self.projects.iter().find(|project| project.gid == gid)
    }

    fn project_mut(&mut self, gid: &str) -> Result<&mut Project, NoSuch> {
        let found = self.projects.iter_mut().find(|project| project.gid.to_string() == gid);
        found.ok_or_else(|| NoSuch::new("project", gid))
    }

    fn user(&self, gid: Gid) -> Option<&User> {
        self.users.iter().find(|user| user.gid == gid)
    }
}

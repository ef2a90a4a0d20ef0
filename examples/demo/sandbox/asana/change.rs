//! What people do with tasks.

use jiff::Timestamp;

use super::super::NoSuch;
use super::{
    Asana, Change, Gid, NewTask,
    task::{Home, Task},
};

impl Change {
    fn field(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Notes(_) => "notes",
            Self::Due(_) => "due_on",
            Self::Assignee(_) => "assignee",
            Self::Tag(_) | Self::Untag(_) => "tags",
            Self::Field(..) => "custom_fields",
            Self::Complete | Self::Reopen => "completed",
        }
    }
}

impl Asana {
    /// Adds a task, and gives its gid.
    pub fn add_task(&mut self, new: NewTask) -> Result<String, NoSuch> {
        let gid = self.gid();
        let parent = match &new.parent {
            Some(parent) => Some(self.task(parent)?.gid),
            None => None,
        };
        let assignee = match &new.assignee {
            Some(user) => Some(self.known_user(user)?),
            None => None,
        };
        let fields = new
            .fields
            .iter()
            .map(|(field, value)| Ok((number("custom field", field)?, value.clone())));
        let fields = fields.collect::<Result<_, NoSuch>>()?;
        let tags = new.tags.iter().map(|tag| number("tag", tag)).collect::<Result<_, _>>()?;
        let mut homes = Vec::new();
        for (project, section) in &new.homes {
            homes.push(self.home(gid, project, section.as_deref())?);
        }
        let first = homes.first().and_then(|home: &Home| self.project(home.project));
        let of_parent = parent.and_then(|gid| self.tasks.get(&gid)).map(|task| task.workspace);
        let workspace = first.map(|project| project.workspace).or(of_parent);
        let workspace =
            workspace.or(self.workspaces.first().map(|first| first.gid)).unwrap_or_default();
        let created = new.created.unwrap_or_else(|| self.now());
        let task = Task {
            gid,
            name: new.name,
            notes: new.notes,
            kind: new.kind.unwrap_or_else(|| "default_task".to_owned()),
            workspace,
            homes,
            parent,
            subtasks: Vec::new(),
            assignee,
            due: new.due,
            start: new.start,
            tags,
            fields,
            created,
            modified: new.completed.unwrap_or(created).max(created),
            completed: new.completed,
        };
        self.put_task(task, created);
        Ok(gid.to_string())
    }

    /// Puts a task into its lists and tells of it.
    fn put_task(&mut self, task: Task, at: Timestamp) {
        let (gid, parent, homes) = (task.gid, task.parent, task.homes.clone());
        self.assigned.extend(task.assignee.map(|user| (user, gid)));
        self.tasks.insert(gid, task);
        for home in homes {
            self.note_task(gid, "added", Some(home.project), None, at);
            let first = self.project(home.project).and_then(|project| project.sections.first());
            if let Some(section) = home.section.filter(|gid| first.is_none_or(|f| f.gid != *gid)) {
                self.note_task(gid, "added", Some(section), None, at);
            }
        }
        if let Some(parent) = parent {
            if let Some(parent) = self.tasks.get_mut(&parent) {
                parent.subtasks.push(gid);
            }
            self.note_task(gid, "added", Some(parent), None, at);
        }
    }

    /// Edits a task.
    pub fn edit_task(&mut self, task: &str, change: Change) -> Result<(), NoSuch> {
        let at = self.now();
        let user = match &change {
            Change::Assignee(Some(user)) => Some(self.known_user(user)?),
            _ => None,
        };
        let field = change.field();
        let task = self.task_mut(task)?;
        let (gid, before) = (task.gid, task.assignee);
        task.modified = at.max(task.modified);
        match change {
            Change::Name(name) => task.name = name,
            Change::Notes(notes) => task.notes = notes,
            Change::Due(day) => task.due = day,
            Change::Assignee(_) => task.assignee = user,
            Change::Tag(tag) => task.tags.push(number("tag", &tag)?),
            Change::Untag(tag) => {
                let tag = number("tag", &tag)?;
                task.tags.retain(|known| *known != tag);
            }
            Change::Field(field, value) => {
                let field = number("custom field", &field)?;
                task.fields.retain(|(known, _)| *known != field);
                task.fields.extend(value.map(|value| (field, value)));
            }
            Change::Complete => task.completed = Some(at),
            Change::Reopen => task.completed = None,
        }
        if field == "assignee" {
            if let Some(before) = before {
                self.assigned.remove(&(before, gid));
            }
            self.assigned.extend(user.map(|user| (user, gid)));
        }
        self.note_task(gid, "changed", None, Some(field), at);
        if field == "completed" {
            self.note_story(gid, "changed the status", "marked_complete", at);
        }
        Ok(())
    }

    /// Done.
    pub fn complete_task(&mut self, task: &str) -> Result<(), NoSuch> {
        self.edit_task(task, Change::Complete)
    }

    /// Somebody writes under a task.
    pub fn comment(&mut self, task: &str, text: &str) -> Result<(), NoSuch> {
        let at = self.now();
        let task = self.task_mut(task)?;
        task.modified = at.max(task.modified);
        let gid = task.gid;
        self.note_story(gid, text, "comment_added", at);
        Ok(())
    }

    /// Takes a task out of one project, if one is named, and puts it into another, if one is named.
    pub fn move_task(
        &mut self,
        task: &str,
        from: Option<&str>,
        to: Option<(&str, Option<&str>)>,
    ) -> Result<(), NoSuch> {
        let (gid, at) = (self.task(task)?.gid, self.now());
        if let Some(project) = from {
            let project = self.project_mut(project)?.gid;
            let task = self.task_mut(task)?;
            let (left, homes) = task.homes.drain(..).partition(|home| home.project == project);
            task.homes = homes;
            self.leave(&left);
            self.note_task(gid, "removed", Some(project), None, at);
        }
        if let Some((project, section)) = to {
            let home = self.home(gid, project, section)?;
            let project = home.project;
            self.task_mut(task)?.homes.push(home);
            self.note_task(gid, "added", Some(project), None, at);
        }
        let task = self.task_mut(task)?;
        task.modified = at.max(task.modified);
        Ok(())
    }

    /// Deletes a task with its subtasks.
    pub fn delete_task(&mut self, task: &str) -> Result<(), NoSuch> {
        let (gid, at) = (self.task(task)?.gid, self.now());
        for subtask in self.task(task)?.subtasks.clone() {
            self.delete_task(&subtask.to_string())?;
        }
        for home in self.task(task)?.homes.clone() {
            self.note_task(gid, "removed", Some(home.project), None, at);
        }
        self.note_task(gid, "deleted", None, None, at);
        self.forget_task(gid);
        Ok(())
    }

    /// Brings a deleted task back where it was, without its subtasks.
    pub fn undelete_task(&mut self, task: &str) -> Result<(), NoSuch> {
        let at = self.now();
        let gid = number("task", task)?;
        let mut found =
            self.deleted.remove(&gid).ok_or_else(|| NoSuch::new("deleted task", task))?;
        found.subtasks.clear();
        found.modified = at.max(found.modified);
        found.homes.retain(|home| self.project(home.project).is_some());
        for home in &found.homes {
            let project = self.projects.iter_mut().find(|project| project.gid == home.project);
            if let Some(project) = project {
                project.order.insert(home.place, gid);
            }
        }
        self.assigned.extend(found.assignee.map(|user| (user, gid)));
        if let Some(parent) = found.parent.and_then(|parent| self.tasks.get_mut(&parent)) {
            parent.subtasks.push(gid);
        }
        self.tasks.insert(gid, found);
        self.note_task(gid, "undeleted", None, None, at);
        Ok(())
    }

    /// Takes a task out of every list.
    pub(super) fn forget_task(&mut self, gid: Gid) {
        let Some(task) = self.tasks.remove(&gid) else { return };
        self.leave(&task.homes);
        if let Some(user) = task.assignee {
            self.assigned.remove(&(user, gid));
        }
        if let Some(parent) = task.parent.and_then(|parent| self.tasks.get_mut(&parent)) {
            parent.subtasks.retain(|known| *known != gid);
        }
        self.deleted.insert(gid, task);
    }

    /// Takes these places out of their projects.
    fn leave(&mut self, homes: &[Home]) {
        for home in homes {
            if let Some(project) = self.projects.iter_mut().find(|p| p.gid == home.project) {
                project.order.remove(&home.place);
            }
        }
    }

    /// A new place at a project's end.
    fn home(&mut self, task: Gid, project: &str, section: Option<&str>) -> Result<Home, NoSuch> {
        let place = self.gid();
        let project = self.project_mut(project)?;
        let section = match section {
            None => project.sections.first().map(|section| section.gid),
            Some(name) => {
                let found = project.sections.iter().find(|section| section.name == name);
                Some(found.ok_or_else(|| NoSuch::new("section", name))?.gid)
            }
        };
        project.order.insert(place, task);
        Ok(Home { project: project.gid, section, place })
    }

    fn known_user(&self, gid: &str) -> Result<Gid, NoSuch> {
        let user = self.user(number("user", gid)?);
        user.map(|user| user.gid).ok_or_else(|| NoSuch::new("user", gid))
    }

    fn task(&self, gid: &str) -> Result<&Task, NoSuch> {
        self.tasks.get(&number("task", gid)?).ok_or_else(|| NoSuch::new("task", gid))
    }

    fn task_mut(&mut self, gid: &str) -> Result<&mut Task, NoSuch> {
        self.tasks.get_mut(&number("task", gid)?).ok_or_else(|| NoSuch::new("task", gid))
    }
}

fn number(what: &'static str, gid: &str) -> Result<Gid, NoSuch> {
    gid.parse().map_err(|_| NoSuch::new(what, gid))
}

//! The walk through a workspace: which lists a page reads next, and what follows from what they brought.

use super::{Cursor, LISTS, List, Step, lists::Found, task::Task};

/// Changed tasks that one page fetches.
const TASKS: usize = 100;

impl Cursor {
    /// The lists that the next page holds; once all are read, the tasks that their events named.
    pub fn take_steps(&mut self) -> Vec<Step> {
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
    pub fn note(&mut self, found: &Found) -> Vec<String> {
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

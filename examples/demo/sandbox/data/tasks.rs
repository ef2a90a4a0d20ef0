//! A company's Asana out of its boards.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::super::{Asana, NewTask, NoSuch};
use super::{
    boards::{BOARDS, Board, MINE, TAGS},
    some_day,
    text::Teller,
    words::TEAM,
};

/// How far back the tasks reach.
const DAYS: usize = 420;

struct Office {
    people: Vec<(&'static str, String)>,
    tags: Vec<String>,
    priority: String,
    cost: String,
    projects: Vec<String>,
    today: Timestamp,
}

/// Fills the account with about so many tasks, subtasks included.
///
/// # Errors
/// Never: what it names it has made.
pub fn fill(asana: &mut Asana, count: usize, seed: u64, today: Timestamp) -> Result<(), NoSuch> {
    let mut teller = Teller::new(seed);
    let mut office = Office {
        people: vec![("Maya", asana.me())],
        tags: TAGS.iter().map(|tag| asana.add_tag(tag)).collect(),
        priority: asana.add_field("Priority", "enum"),
        cost: asana.add_field("Cost", "number"),
        projects: Vec::new(),
        today,
    };
    let [_, others @ ..] = &TEAM;
    for person in others {
        let email = format!("{}@kestrel.example", person.handle);
        office.people.push((person.first, asana.add_user(person.name, &email)));
    }
    office.projects =
        BOARDS.iter().map(|board| asana.add_project(board.name, board.sections)).collect();
    let mut made = 0;
    while made < count {
        for (board, project) in BOARDS.iter().zip(office.projects.clone()) {
            made += card(asana, &office, board, &project, &mut teller)?;
            if made >= count {
                break;
            }
        }
    }
    for name in MINE {
        teller.forget();
        let due = day(later(office.today, &mut teller));
        let task = NewTask::new(teller.tell(name)).assignee(&asana.me()).due(due);
        asana.add_task(task.created(some_day(today, DAYS, &mut teller.rng)))?;
    }
    // Some projects are over.
    for project in office.projects.iter().skip(6).take(1) {
        asana.archive_project(project)?;
    }
    asana.forget_events();
    Ok(())
}

/// A task with its subtasks. Gives how many were made.
fn card(
    asana: &mut Asana,
    office: &Office,
    board: &Board,
    project: &str,
    teller: &mut Teller,
) -> Result<usize, NoSuch> {
    teller.forget();
    let (first, user) = person(office, board, teller);
    teller.set("from", first);
    let name = {
        let template = teller.rng.word(board.tasks);
        teller.tell(template)
    };
    let notes = {
        let template = teller.rng.word(board.notes);
        teller.tell(template)
    };
    let created = some_day(office.today, DAYS, &mut teller.rng);
    let section = teller.rng.word(board.sections);
    let over = board.sections.last() == Some(&section);
    let mut task =
        NewTask::new(name).notes(notes).in_project(project, Some(section)).created(created);
    if teller.rng.chance(85) {
        task = task.assignee(&user);
    }
    if teller.rng.chance(60) {
        let due = day(later(created, teller));
        task = task.due(due);
        if teller.rng.chance(25) {
            task = task.start(due.saturating_sub(7.days()));
        }
    }
    if over || teller.rng.chance(35) {
        task = task.completed(done(created, office.today, teller));
    }
    let gid = asana.add_task(decorated(task, office, board, project, teller))?;
    // Each task with subtasks is a request.
    let steps = if teller.rng.chance(3) { 2 + teller.rng.below(5) } else { 0 };
    for _ in 0..steps {
        let template = teller.rng.word(board.steps);
        let mut step = NewTask::new(teller.tell(template)).under(&gid).created(created);
        if teller.rng.chance(50) {
            step = step.completed(done(created, office.today, teller));
        }
        asana.add_task(step)?;
    }
    Ok(1 + steps)
}

/// With tags, fields and a second home, as chance will have it.
fn decorated(
    mut task: NewTask,
    office: &Office,
    board: &Board,
    project: &str,
    teller: &mut Teller,
) -> NewTask {
    if teller.rng.chance(40)
        && let Some(tag) = teller.rng.pick(&office.tags)
    {
        task = task.tag(tag);
    }
    if teller.rng.chance(50) {
        task = task.field(&office.priority, teller.rng.word(&["Low", "Medium", "High"]));
    }
    if teller.rng.chance(20) {
        task = task.field(&office.cost, teller.tell("{amount}"));
    }
    // The launch is everybody's: its tasks lie in the others' projects too.
    if !board.private
        && teller.rng.chance(8)
        && let Some(second) = office.projects.first()
        && second != project
    {
        task = task.in_project(second, None);
    }
    if teller.rng.chance(6) {
        task = task.kind(teller.rng.word(&["milestone", "approval"]));
    }
    task
}

fn person(office: &Office, board: &Board, teller: &mut Teller) -> (&'static str, String) {
    let chosen =
        if board.private { office.people.first() } else { teller.rng.pick(&office.people) };
    chosen.cloned().unwrap_or_default()
}

fn later(than: Timestamp, teller: &mut Teller) -> Timestamp {
    let hours = i64::try_from(24 + teller.rng.below(60 * 24)).unwrap_or_default();
    than.checked_add(SignedDuration::from_hours(hours)).unwrap_or(than)
}

/// Not after today.
fn done(created: Timestamp, today: Timestamp, teller: &mut Teller) -> Timestamp {
    let at = later(created, teller);
    let half = today.duration_since(created) / 2;
    if at < today { at } else { created.checked_add(half).unwrap_or(created) }
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

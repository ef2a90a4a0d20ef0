//! What the vendors hold: a person's story for the demonstration, plain rows for tests and measurements.

use jiff::{SignedDuration, Timestamp};

use super::{Asana, NewChannel, NewMail, NewTask, NoSuch, Post, Slack, World};

mod boards;
mod chats;
mod mail_life;
mod mail_work;
mod mails;
mod talk;
mod tasks;
mod text;
mod words;

pub use text::SplitMix;

/// About how much is in a [`World::demo`].
pub struct Amounts {
    mails: usize,
    tasks: usize,
    messages: usize,
}

impl Amounts {
    /// As much as a first import brings in forty seconds, each vendor's limits kept: a mail costs a request, tasks come by
    /// the hundred, messages by two hundred.
    pub const WHOLE: Self = Self { mails: 800, tasks: 1400, messages: 2400 };
    /// As much as it brings in a few seconds.
    pub const SHORT: Self = Self { mails: 120, tasks: 300, messages: 300 };
}

/// How much is in a [`World::sized`].
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Messages in the mailbox, in threads of three.
    pub mails: usize,
    /// Tasks, a tenth of them subtasks.
    pub tasks: usize,
    /// Projects that the tasks are spread over.
    pub projects: usize,
    /// Messages in the chat, every fifth with three replies that are counted too.
    pub messages: usize,
    /// Channels that the messages are spread over.
    pub channels: usize,
}

impl Default for Sizes {
    /// Enough for a few pages of each.
    fn default() -> Self {
        Self { mails: 250, tasks: 250, projects: 3, messages: 250, channels: 2 }
    }
}

/// See [`World::demo`].
pub fn demo(amounts: &Amounts, seed: u64, today: Timestamp) -> World {
    let mut world = World::empty();
    for gmail in &mut world.gmail {
        mails::fill(gmail, amounts.mails, seed, today);
    }
    // These two name only what they have made.
    for asana in &mut world.asana {
        asana.set_clock(Some(today));
        let _ = tasks::fill(asana, amounts.tasks, seed, today);
        asana.set_clock(None);
    }
    for slack in &mut world.slack {
        slack.set_clock(Some(today));
        let _ = chats::fill(slack, amounts.messages, seed, today);
        slack.set_clock(None);
    }
    world
}

/// See [`World::sized`].
pub fn sized(sizes: &Sizes, today: Timestamp) -> World {
    let mut world = World::empty();
    for gmail in &mut world.gmail {
        let mut last = None::<String>;
        for number in 0..sizes.mails {
            let mail = NewMail::from("Zoë Park <zoe@kestrel.example>")
                .subject(format!("Report {}", number / 3))
                .text(format!(
                    "Mail number {number}: the barometer reads {} hPa today.\n",
                    980 + number % 60
                ))
                .at(minutes_before(today, sizes.mails - number));
            let mail = match &last {
                Some(last) if number % 3 != 0 => mail.answers(last),
                _ => mail,
            };
            last = Some(gmail.deliver(mail));
        }
        gmail.forget_history();
    }
    for asana in &mut world.asana {
        let _ = sized_tasks(asana, sizes, today);
    }
    for slack in &mut world.slack {
        let _ = sized_chat(slack, sizes, today);
    }
    world
}

fn sized_tasks(asana: &mut Asana, sizes: &Sizes, today: Timestamp) -> Result<(), NoSuch> {
    let projects: Vec<_> = (0..sizes.projects)
        .map(|number| asana.add_project(&format!("Project {number}"), &["To do", "Done"]))
        .collect();
    let mut parent = None::<String>;
    for number in 0..sizes.tasks {
        let task = NewTask::new(format!("Task number {number}"))
            .notes(format!("Measure the rain in bucket {}.", number % 97))
            .created(minutes_before(today, sizes.tasks - number));
        let project = projects.get(number % projects.len().max(1));
        let task = match (&parent, project) {
            (Some(parent), _) if number % 10 == 9 => task.under(parent),
            (_, Some(project)) => task.in_project(project, Some("To do")),
            (_, None) => task.assignee(&asana.me()),
        };
        let gid = asana.add_task(task)?;
        if number % 10 == 0 {
            parent = Some(gid);
        }
        // Else the events of all these additions are kept until the end.
        if number % 1000 == 0 {
            asana.forget_events();
        }
    }
    asana.forget_events();
    Ok(())
}

fn sized_chat(slack: &mut Slack, sizes: &Sizes, today: Timestamp) -> Result<(), NoSuch> {
    let zoe = slack.add_user("zoe", "Zoë Park", Some("zoe@kestrel.example"));
    let channels: Vec<_> = (0..sizes.channels)
        .map(|number| slack.add_channel(NewChannel::public(&format!("channel-{number}"))))
        .collect();
    let (mut said, mut roots) = (0, 0);
    while let Some(channel) =
        channels.get(roots % channels.len().max(1)).filter(|_| said < sizes.messages)
    {
        let post = |number: usize| {
            let at = minutes_before(today, sizes.messages - number);
            Post::new(&zoe, &format!("Message number {number}: rain & wind")).at(at)
        };
        let root = slack.post(channel, post(said))?;
        said += 1;
        if roots % 5 == 4 {
            for _ in 0..3.min(sizes.messages - said) {
                slack.reply(channel, &root, post(said))?;
                said += 1;
            }
        }
        roots += 1;
    }
    Ok(())
}

/// An hour of the day so many days ago, not later than today. What is recent comes more often than what is old.
fn some_day(today: Timestamp, reach: usize, rng: &mut SplitMix) -> Timestamp {
    let days = rng.below(reach) * rng.below(reach) / reach.max(1);
    let hours = i64::try_from(days * 24).unwrap_or_default();
    let minutes = i64::try_from(7 * 60 + rng.below(14 * 60)).unwrap_or_default();
    let day = today.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(today);
    let midnight = day.as_second() - day.as_second().rem_euclid(24 * 3600);
    let at = Timestamp::from_second(midnight + minutes * 60).unwrap_or(today);
    let yesterday = at.checked_sub(SignedDuration::from_hours(24)).unwrap_or(at);
    if at < today { at } else { yesterday }
}

/// The time, so many minutes later.
fn after(at: Timestamp, minutes: usize) -> Timestamp {
    let minutes = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or_default());
    at.checked_add(minutes).unwrap_or(at)
}

fn minutes_before(today: Timestamp, minutes: usize) -> Timestamp {
    let minutes = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or_default());
    today.checked_sub(minutes).unwrap_or(today)
}

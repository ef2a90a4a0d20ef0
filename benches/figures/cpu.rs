//! Processor time: it says where the work is done, also on a machine that does other things at the same time.

use std::{collections::HashMap, fs, path::Path};

/// Clock ticks a second, the same on every Linux.
const TICKS: f64 = 100.0;

/// Seconds of processor time that this process has used.
pub fn of_this_process() -> f64 {
    read("/proc/self/stat").map_or(0.0, |stat| stat.own)
}

/// Seconds that a process, its children and its ended children have used.
pub fn of_tree(root: u32) -> f64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: HashMap<u32, Stat> =
        ids.filter_map(|id| Some((id, read(format!("/proc/{id}/stat"))?))).collect();
    let children = all.values().filter(|stat| stat.parent == root).map(|stat| stat.own);
    all.get(&root).map_or(0.0, |stat| stat.own + stat.ended + children.sum::<f64>())
}

struct Stat {
    parent: u32,
    own: f64,
    ended: f64,
}

fn read(path: impl AsRef<Path>) -> Option<Stat> {
    let text = fs::read_to_string(path).ok()?;
    // The name stands in brackets, and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) / TICKS,
        ended: (ticks(13)? + ticks(14)?) / TICKS,
    })
}

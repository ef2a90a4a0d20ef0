//! Who holds a lease: this process, in a form by which another on the same host can tell that it is dead.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A process, told apart from any other that had or will have its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    /// The host since it was booted, and the space in which process numbers count.
    host: String,
    pid: u32,
    /// When the process began, in the system's own unit; 0 where the system does not say.
    began: u64,
}

/// This process, for the lease's row.
pub(super) fn this_process() -> Value {
    static HOLDER: OnceLock<Value> = OnceLock::new();
    HOLDER
        .get_or_init(|| {
            let pid = std::process::id();
            let holder = Holder { host: host(), pid, began: began(pid).unwrap_or(0) };
            serde_json::to_value(holder).unwrap_or(Value::Null)
        })
        .clone()
}

/// Whether a holder is known to be dead: it ran on this host, and no such process is there any more.
pub(super) fn is_dead(holder: &Value) -> bool {
    let Ok(holder) = serde_json::from_value::<Holder>(holder.clone()) else { return false };
    if holder.host != host() {
        return false;
    }
    match began(holder.pid) {
        Some(began) => began != holder.began,
        None => !exists(holder.pid),
    }
}

/// Host name, boot and process-number space: two containers of one name, or a host that was booted since, are others.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().into_owned())
        .unwrap_or_default();
    format!("{name} {} {space}", boot.trim())
}

/// When a process began, in clock ticks since the boot: field 22 of `/proc/<pid>/stat` (proc(5)), which follows the name in
/// parentheses. A zombie no longer runs.
fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

fn exists(pid: u32) -> bool {
    let proc = std::path::Path::new("/proc/self");
    if proc.exists() {
        return false; // it would have been found there
    }
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn this_process_is_alive_and_one_that_took_its_number_is_another() {
        assert!(!is_dead(&this_process()));
        let mut reused = this_process();
        reused["began"] = json!(1);
        assert!(is_dead(&reused));
    }

    #[test]
    fn an_ended_process_of_this_host_is_dead_and_one_elsewhere_may_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let mut ended = this_process();
        ended["pid"] = json!(pid);
        assert!(is_dead(&ended));
        ended["host"] = json!("elsewhere");
        assert!(!is_dead(&ended));
    }
}

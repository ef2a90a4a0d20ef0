//! What the server is configured with: a desktop's share of memory, no network, one user.

use std::{fmt::Write as _, path::Path};

use super::{EmbeddedError, account::Account, layout::Layout};

/// The database's superuser, and the database: nobody else's data is in the cluster.
pub(super) const USER: &str = "neotoma";
/// The main configuration, in the data folder; the server is pointed at it by a path relative to that.
pub(super) const CONFIG: &str = "server.conf";

const BASE: &str = "\
# Written by neotoma whenever it starts the server. Settings of your own go into cluster/postgresql.conf, where this
# file does not name them, or in by ALTER SYSTEM, which outranks both.
include_if_exists = 'cluster/postgresql.conf'
hba_file = 'hba.conf'
ident_file = 'ident.conf'

# Reached through a socket in a folder of its owner's alone, from this machine alone.
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
max_connections = 50

# A guest on somebody's desktop. Parallel queries would need /dev/shm, which containers keep small.
shared_buffers = 128MB
work_mem = 8MB
# A first sync brings the log faster than the disk takes it in pieces.
wal_buffers = 16MB
maintenance_work_mem = 64MB
huge_pages = off
jit = off
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0

# No replica to feed; what is committed is on disk.
wal_level = minimal
max_wal_senders = 0
fsync = on
synchronous_commit = on
full_page_writes = on
min_wal_size = 32MB
max_wal_size = 256MB
checkpoint_timeout = 15min

# The log tells of the server, not of statements: these hold what was imported, and their errors reach their clients.
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%m [%p] '
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_autovacuum_min_duration = -1
lc_messages = 'C'
timezone = 'UTC'
log_timezone = 'UTC'
";

/// Who is let in: whom the operating system knows to be at the other end of the socket, and is on the list of
/// [`ident`].
const HBA: &str = "local all neotoma peer map=neotoma\n";

/// Writes the configuration for a server whose socket lies in `socket_folder`.
pub(super) fn write(
    layout: &Layout,
    account: &Account,
    socket_folder: &Path,
    extra: &[(String, String)],
) -> Result<(), EmbeddedError> {
    layout.write(CONFIG, &config(socket_folder, extra), account)?;
    layout.write("hba.conf", HBA, account)?;
    layout.write("ident.conf", &ident(&account.names()), account)
}

fn config(socket_folder: &Path, extra: &[(String, String)]) -> String {
    let mut text = BASE.to_owned();
    let folder = socket_folder.to_string_lossy();
    // Formatting into a String does not fail.
    let _ = writeln!(text, "\nunix_socket_directories = {}", quoted(&folder));
    for (name, value) in extra {
        let _ = writeln!(text, "{name} = {}", quoted(value));
    }
    text
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// The names on this system that are the database's user.
fn ident(names: &[String]) -> String {
    let names = names.iter().filter(|name| !name.contains(['\n', '\r']));
    names.fold(String::new(), |text, name| {
        let name = name.replace('"', "\"\"");
        text + &format!("neotoma \"{name}\" {USER}\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_settings_come_last_so_that_they_count_and_are_quoted() {
        let extra =
            [("fsync".to_owned(), "off".to_owned()), ("x.y".to_owned(), "a'b\\".to_owned())];
        let text = config(Path::new("/run/it"), &extra);
        assert!(
            text.ends_with(
                "unix_socket_directories = '/run/it'\nfsync = 'off'\nx.y = 'a''b\\\\'\n"
            )
        );
    }

    #[test]
    fn names_that_look_like_syntax_stay_names() {
        let names = ["al ice".to_owned(), "a\"b".to_owned(), "x\ny".to_owned()];
        assert_eq!(ident(&names), "neotoma \"al ice\" neotoma\nneotoma \"a\"\"b\" neotoma\n");
    }
}

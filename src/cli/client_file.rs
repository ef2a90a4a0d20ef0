//! The file that a client's configuration lies in: read whole, and replaced in one step. The old file is kept beside the new
//! one, which takes its mode, so that a client never reads half a file and nobody can read more than before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use jiff::Zoned;

/// Largest file that is taken for a configuration, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The file's text; empty where there is no file.
///
/// # Errors
/// When it cannot be read, or is no text, or is larger than any configuration.
pub fn read(path: &Path) -> anyhow::Result<String> {
    match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(cause) => return Err(cause).context("it cannot be read"),
        Ok(of) if of.len() > LARGEST => {
            bail!("it is larger than 16 MiB, so it is no configuration")
        }
        Ok(_) => {}
    }
    fs::read_to_string(path).context("it cannot be read")
}

/// Puts the new text in the old one's place. Answers where the old file was kept, if there was one.
///
/// # Errors
/// When the file is no longer what was read, or cannot be written; the old file then still stands.
pub fn replace(path: &Path, old: &str, new: &str) -> anyhow::Result<Option<PathBuf>> {
    // Through a symbolic link, so that the link stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if read(&path)? != old {
        bail!("it was changed by another program just now; close the client and try again");
    }
    let folder = path.parent().context("it has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mode = fs::metadata(&path).ok().map(|of| of.permissions());
    let kept = if mode.is_some() { Some(keep(&path)?) } else { None };
    let draft = beside(&path, &format!("{}.new", std::process::id()));
    let written = write_whole(&draft, new, mode).and_then(|()| fs::rename(&draft, &path));
    if let Err(cause) = written {
        // The draft may not be there; that the file could not be written is what matters.
        let _ = fs::remove_file(&draft);
        return Err(cause).context("it cannot be written");
    }
    Ok(kept)
}

fn keep(path: &Path) -> anyhow::Result<PathBuf> {
    let kept = beside(path, &Zoned::now().strftime("backup-%Y%m%d-%H%M%S").to_string());
    fs::copy(path, &kept)
        .with_context(|| format!("the old file cannot be kept as {}", kept.display()))?;
    Ok(kept)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

fn write_whole(path: &Path, text: &str, mode: Option<fs::Permissions>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    // The owner's alone from its first moment: it may hold secrets.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    if let Some(mode) = mode {
        file.set_permissions(mode)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_is_kept_and_the_new_one_takes_its_place_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        fs::write(&path, "{}").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let kept = replace(&path, "{}", "{\"a\": 1}").unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\": 1}");
        assert_eq!(fs::read_to_string(kept).unwrap(), "{}");
        #[cfg(unix)]
        assert_eq!(mode(&path), 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone_and_its_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Claude/config.json");
        assert_eq!(replace(&path, "", "{}").unwrap(), None);
        assert_eq!(mode(&path), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        fs::write(&real, "{}").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, "{}", "{ }").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "{ }");
    }

    #[test]
    fn a_file_that_changed_in_between_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        fs::write(&path, "{\"theirs\": 1}").unwrap();
        assert!(replace(&path, "{}", "{\"ours\": 1}").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"theirs\": 1}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

//! Who may import whom: a room only from rooms below it, so that a reader can begin anywhere and only has to look down.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The rooms, from the top down. Rooms of one floor do not see each other.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["telemetry"],
    &["web"],
    &["mcp"],
    &["app"],
    &["config", "sync"],
    &["oauth"],
    &["store", "providers"],
    &["provider", "wire"],
    &["http"],
    &["vault", "record"],
    &["run", "ids", "error"],
];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The files of the program; tests that stand in a file of their own are none of them.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
        if path.is_dir() {
            sources(&path, found);
        } else if !is_test && path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file names after `crate::`, in imports (nested ones too) and in paths; tests beside the code may look
/// where they like.
fn imports(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(nested) = rest.strip_prefix('{') {
            let mut depth = 0;
            // Only what stands between the outer braces counts; commas of inner lists do not part rooms.
            let outer: String = nested
                .chars()
                .take_while(|c| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth >= 0
                })
                .collect();
            depth = 0;
            let parts = outer.split(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                c == ',' && depth == 0
            });
            rooms.extend(parts.map(|part| word(part.trim())).filter(|room| !room.is_empty()));
        } else {
            rooms.insert(word(rest));
        }
    }
    rooms
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn no_room_imports_from_one_above_it_or_beside_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let own = floor(room).unwrap_or_else(|| panic!("{room} has no floor: add it to FLOORS"));
        for other in imports(&fs::read_to_string(&file).unwrap()) {
            let Some(below) = floor(&other) else { continue };
            checked += 1;
            if other != room && below <= own {
                wrong.push(format!("{} imports from {other}", inside.display()));
            }
        }
    }
    assert!(checked > 50, "the imports were not found: {checked}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_provider_imports_another() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let source = fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        let registry = file.parent() == Some(folder.as_path()) && name == "mod.rs";
        assert!(
            registry || !source.contains("crate::providers"),
            "{} reaches into another provider",
            file.display()
        );
    }
}

#[test]
fn imports_are_found_however_they_are_written() {
    let source = "use crate::{\n    a::{b, c},\n    d,\n    e::F,\n};\nuse crate::g::H;\nfn f() { crate::i::j() }";
    let found: Vec<String> = imports(source).into_iter().collect();
    assert_eq!(found, ["a", "d", "e", "g", "i"]);
}

//! Has a migration that is added or changed built into the program: the macro that takes them in is not run again for it.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}

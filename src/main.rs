//! The program `neotoma`.
fn main() {}

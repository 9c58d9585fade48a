//! The binary `hw`.

fn main() {}

//! What the lock file must hold.

// G25
#[test]
fn locks_a_pest_whose_parser_guards_its_stack() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let mut found = 0;
    for package in lock.split("[[package]]").filter(|package| package.contains("\nname = \"pest\"\n")) {
        let version = package.split("version = \"").nth(1).unwrap().split('"').next().unwrap();
        let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
        assert!(numbers >= vec![2, 9, 6], "pest {version}");
        found += 1;
    }
    assert_eq!(found, 1);
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    assert!(manifest.contains("\npest = "), "pest must be named, or another crate's update may lower it");
}

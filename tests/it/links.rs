//! Links of the README: the repository shows it, and so does the documentation.

#[test]
fn links_of_the_readme_lead_somewhere_in_the_repository_and_in_the_documentation() {
    let readme = include_str!("../../README.md");
    let documentation = concat!(
        include_str!("../../src/lib.rs"),
        "\n",
        include_str!("../../assets/readme/in-docs.md")
    );
    let definitions: Vec<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .filter(|(_, target)| !target.starts_with("http"))
        .collect();
    assert!(definitions.len() > 5);
    for (name, target) in definitions {
        let file = target.split('#').next().expect("a path");
        let path = crate::common::repository().join(file);
        assert!(path.exists(), "{target}");
        let of_its_own = format!("[{name}]: ");
        let here = |line: &str| line.trim_start_matches("//! ").starts_with(&of_its_own);
        assert!(documentation.lines().any(here), "[{name}] leads nowhere in the documentation");
        assert!(readme.contains(&format!("][{name}]")), "nothing links to [{name}]");
    }
    let inline = readme.split("](").skip(1).find(|target| !target.starts_with("http"));
    assert_eq!(inline, None, "a link to a file that the documentation does not have");
}

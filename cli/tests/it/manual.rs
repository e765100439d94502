//! What shells and `man` are told.

use crate::common::Place;
use crate::errors::refused;

#[test]
fn every_shell_has_its_script_and_every_command_its_page() {
    let place = Place::new();
    let printed = |arguments: &str| {
        let output = place.run(arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&format!("completions {shell}"));
        assert!(script.contains("convolve") && script.contains("region"), "{shell}");
    }
    assert!(printed("man").starts_with(".ie"));
    for command in ["apply", "plan", "kernel", "devices", "calibrate", "bench", "completions"] {
        let page = printed(&format!("man {command}"));
        assert!(page.contains(&format!(".TH convolve-{command} 1")), "{command}: {page}");
    }
    refused(&place, "man nothing", "expected one of apply, plan");
    refused(&place, "completions tcsh", "invalid value 'tcsh'");
}

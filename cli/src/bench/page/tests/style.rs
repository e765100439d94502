//! Colours can be told from what is behind them, in both schemes.

use std::collections::BTreeMap;

use super::super::STYLE;

/// Of the first scheme in a part of the style.
fn colours(style: &'static str) -> BTreeMap<&'static str, [f64; 3]> {
    let scheme = style.split_once(":root {").unwrap().1.split_once('}').unwrap().0;
    let colour = |line: &'static str| {
        let (name, value) = line.trim().strip_suffix(';')?.split_once(": #")?;
        let part = |at: usize| u8::from_str_radix(&value[at..at + 2], 16).unwrap();
        Some((name, [0, 2, 4].map(|at| f64::from(part(at)) / 255.0)))
    };
    scheme.lines().filter_map(colour).collect()
}

/// As WCAG 2.2 defines it.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let [r, g, b] = colour.map(|c| match c <= 0.04045 {
            true => c / 12.92,
            false => ((c + 0.055) / 1.055).powf(2.4),
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    f64::max(a, b) / f64::min(a, b)
}

/// `color-mix(in srgb, a share, b)`.
fn mixed(a: [f64; 3], b: [f64; 3], share: f64) -> [f64; 3] {
    [0, 1, 2].map(|i| share * a[i] + (1.0 - share) * b[i])
}

#[test]
fn text_and_lines_stand_out_in_both_schemes() {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
    for colours in [colours(light), colours(dark)] {
        let of = |name: &str| colours[&format!("--{name}")[..]];
        let mut texts = Vec::new();
        for text in ["ink", "muted", "link"] {
            texts.extend(["paper", "shade"].map(|behind| (of(text), of(behind))));
        }
        texts.push((of("warn"), of("warn-paper")));
        texts.push((of("warn"), of("paper")));
        for hue in 0..6 {
            let hue = of(&format!("hue{hue}"));
            texts.push((of("ink"), mixed(hue, of("paper"), 0.14)));
            let line = contrast(hue, of("paper"));
            assert!(line >= 3.0, "{line}");
        }
        assert!(contrast(of("rule"), of("paper")) >= 3.0);
        for (text, behind) in texts {
            let found = contrast(text, behind);
            assert!(found >= 4.5, "{text:?} on {behind:?}: {found}");
        }
    }
}

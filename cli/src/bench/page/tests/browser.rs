//! The page in a browser, where there is one: on a phone and on a large screen, in both schemes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::{POLICY, html};
use super::sample;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Nothing where there is none, unless there has to be one.
fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> =
        std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    let paths = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    // Some are there to say that they have to be installed.
    let answers = |path: &PathBuf| {
        Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let found = paths.into_iter().find(answers);
    let required = std::env::var_os("CONVOLVE_REQUIRE_BROWSER").is_some_and(|value| value == "1");
    assert!(
        found.is_some() || !required,
        "no browser: expected one of {NAMES:?} in PATH that starts"
    );
    if found.is_none() {
        eprintln!("not tried in a browser: none of {NAMES:?} in PATH starts");
    }
    found
}

/// Notes errors from the start, and in the end writes what it finds wrong into the page.
const WATCH: &str = "<script>
    window.faults = [];
    const fault = (what) => faults.push(what);
    addEventListener('error', (event) => fault('error: ' + (event.message || event.target)), true);
    addEventListener('securitypolicyviolation', (event) => fault('refused: ' + event.blockedURI));
    for (const kind of ['error', 'warn'])
        console[kind] = (...said) => fault(kind + ': ' + said.join(' '));
</script>";
const JUDGE: &str = "<script>
    const all = (selector) => [...document.querySelectorAll(selector)];
    const judge = () => {
        const page = document.documentElement;
        if (innerWidth !== WIDTH) fault('the window has ' + innerWidth);
        if (matchMedia('(prefers-color-scheme: dark)').matches !== DARK) fault('another scheme');
        for (const details of all('details')) details.open = true;
        if (page.scrollWidth > innerWidth) {
            const wide = all('body *').filter((one) =>
                !one.parentElement.closest('.scroll') && one.getBoundingClientRect().right > innerWidth);
            fault('wider than the window: ' + wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 80)));
        }
        const ids = all('[id]').map((one) => one.id);
        if (new Set(ids).size !== ids.length) fault('an id is there twice');
        for (const link of all('a[href^=\"#\"]'))
            if (!document.querySelector(link.hash)) fault('leads nowhere: ' + link.hash);
        for (const list of ['aria-labelledby', 'aria-describedby'])
            for (const one of all(`[${list}]`))
                if (!document.getElementById(one.getAttribute(list))) fault(list + ' of nothing');
        let level = 0;
        for (const heading of all('h1, h2, h3, h4')) {
            const next = +heading.tagName[1];
            if (next > level + 1) fault('a heading of too low a level: ' + heading.textContent);
            level = next;
        }
        for (const box of all('.scroll')) {
            box.focus();
            if (document.activeElement !== box) fault('no focus on ' + box.ariaLabel);
        }
        for (const chart of all('svg[role=img]')) {
            const { width, height } = chart.getBoundingClientRect();
            if (width < 200 || height < 20) fault('a chart of ' + width + ' x ' + height);
            for (const text of chart.querySelectorAll('text')) {
                const [inner, outer] = [text, chart].map((one) => one.getBoundingClientRect());
                if (inner.left < outer.left - 1 || inner.right > outer.right + 1)
                    fault('a text that is cut off: ' + text.textContent);
            }
        }
        const found = document.createElement('pre');
        found.id = 'judged';
        found.textContent = all('svg[role=img]').length + ' charts; ' + faults.join('; ');
        parent.document.body.append(found);
    };
    addEventListener('load', () => setTimeout(judge, 100));
</script>";

/// What the browser has found: how many charts, and what is wrong.
fn judged(browser: &Path, page: &str, width: u32, dark: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let judge = JUDGE.replace("WIDTH", &width.to_string()).replace("DARK", &dark.to_string());
    // The page itself lets no script run.
    let policy = POLICY.replace("'none'", "'none'; script-src 'unsafe-inline'");
    let page = page
        .replacen(&maud::html! { (POLICY) }.into_string(), &policy, 1)
        .replacen("<title>", &format!("{WATCH}<title>"), 1)
        .replacen("</body>", &format!("{judge}</body>"), 1);
    // Windows of browsers cannot be as narrow as a phone is.
    let frame = maud::html! {
        (maud::DOCTYPE)
        iframe srcdoc=(page) width=(width) height="800" style="border: 0" {}
    };
    std::fs::write(&file, frame.into_string()).unwrap();
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--dump-dom",
        "--virtual-time-budget=2000",
    ]);
    let mut profile = OsStr::new("--user-data-dir=").to_owned();
    profile.push(folder.path().join("profile"));
    command.arg(profile).arg("--window-size=1400,900");
    command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
    let output = command.arg(&file).stderr(Stdio::piped()).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let found =
        dom.split_once("<pre id=\"judged\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    match found {
        Some((found, _)) => found.to_owned(),
        None => panic!("{}\n{dom}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn a_browser_finds_nothing_wrong() {
    let Some(browser) = browser() else { return };
    let page = html(&sample::full(), Some(&sample::peers()));
    for (width, dark) in [(360, false), (360, true), (1280, false), (1280, true)] {
        assert_eq!(judged(&browser, &page, width, dark), "19 charts; ", "{width} {dark}");
    }
    assert_eq!(judged(&browser, &html(&sample::empty(), None), 360, false), "0 charts; ");
}

#[test]
fn what_is_wrong_is_found() {
    let Some(browser) = browser() else { return };
    let page = html(&sample::empty(), None);
    let faulty = page.replacen(
        "</main>",
        "<div style=\"width: 2000px\">wide</div><h4 id=\"content\">low</h4><img src=\"http://127.0.0.1:9/\"></main>",
        1,
    );
    let found = judged(&browser, &faulty, 360, false);
    for fault in ["wider than the window", "an id is there twice", "too low a level", "refused: "] {
        assert!(found.contains(fault), "{found}");
    }
}

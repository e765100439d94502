//! Of the page: what it says, and that it says it to everybody.

mod browser;
mod sample;
mod style;

use roxmltree::{Document, Node};

use super::groups::Group;
use super::numbers::{percent, rate, seconds, shape, tick_seconds, times};
use super::scale::Log;
use super::{html, peers};
use crate::bench::record::{Case, Record, Way};
use crate::bench::regret::Regret;
use sample::{case, empty, full, left_out, way};

/// With ordinary blanks.
fn page(record: &Record, peers: Option<&Record>) -> String {
    html(record, peers).replace('\u{a0}', " ")
}

fn with(cases: Vec<Case>) -> Record {
    Record { cases, ..empty() }
}

/// What an element's text is, without the elements in it.
fn text(node: Node) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

/// Each chart of a page, as it stands there.
fn charts(page: &str) -> Vec<&str> {
    let chart = |rest: &'_ str| rest.find("</svg>").map(|end| end + "</svg>".len());
    page.match_indices("<svg class=\"chart")
        .filter_map(|(start, _)| Some(&page[start..start + chart(&page[start..])?]))
        .collect()
}

/// The cells of each row of a table, which is found by its name.
fn rows(page: &str, name: &str) -> Vec<Vec<String>> {
    let named = format!("aria-label=\"{name}\"");
    let after = page.split_once(&named).unwrap_or_else(|| panic!("no table {name}")).1;
    let start = after.find("<table").unwrap();
    let table = &after[start..after.find("</table>").unwrap() + "</table>".len()];
    // The one element without an end that tables have.
    let table = table.replace("<br>", " ");
    let document = Document::parse(&table).unwrap();
    let row = |row: Node| {
        let cells =
            row.children().filter(|cell| cell.has_tag_name("td") || cell.has_tag_name("th"));
        cells.map(|cell| text(cell).trim().to_owned()).collect()
    };
    document.descendants().filter(|node| node.has_tag_name("tr")).map(row).collect()
}

#[test]
fn numbers_have_three_digits_and_a_unit() {
    let plain = |text: String| text.replace('\u{a0}', " ");
    assert_eq!(plain(seconds(0.00139)), "1.39 ms");
    assert_eq!(plain(seconds(0.000_999_9)), "1.00 ms");
    assert_eq!(plain(seconds(0.0306)), "30.6 ms");
    assert_eq!(plain(seconds(812.6)), "813 s");
    assert_eq!(plain(seconds(0.0)), "0.00 s");
    assert_eq!(plain(tick_seconds(2e-5)), "20 µs");
    assert_eq!(plain(tick_seconds(0.5)), "500 ms");
    assert_eq!(plain(rate(12.44e9, "B/s")), "12.4 GB/s");
    assert_eq!(plain(rate(9.61e10, "1/s")), "96.1 G/s");
    assert_eq!(plain(percent(0.431)), "43 %");
    assert_eq!(plain(percent(0.0431)), "4.3 %");
    assert_eq!(times(1.0812), "1.08×");
    assert_eq!(times(243.7), "244×");
    assert_eq!(shape(&[15, 15]), "15²");
    assert_eq!(shape(&[15, 31]), "15 × 31");
    assert_eq!(shape(&[1001]), "1001");
}

#[test]
fn scales_are_round_and_hold_what_is_drawn() {
    let scale = Log::round([0.0013, 0.043], 0.0, 100.0).unwrap();
    assert_eq!(scale.ticks(), [0.001, 0.002, 0.005, 0.01, 0.02, 0.05]);
    assert_eq!((scale.at(0.001), scale.at(0.05)), (0.0, 100.0));
    let wide = Log::round([1e-6, 30.0], 0.0, 100.0).unwrap().ticks();
    assert_eq!(wide, [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0]);
    let one = Log::round([0.002], 0.0, 100.0).unwrap();
    assert_eq!(one.ticks(), [0.002, 0.005]);
    assert!(Log::round([], 0.0, 100.0).is_none());
}

#[test]
fn tables_have_what_the_record_has() {
    let direct = Way {
        chosen: true,
        first: Some(0.0209),
        expected: Some(0.0018),
        limit: Some(0.00069),
        error: Some("2e-07".into()),
        ..way("convolve", "cpu", "direct", 0.00138)
    };
    let hopeless = left_out("convolve", "fft", "too long", false);
    let record = with(vec![case("g", "g, 3 x 3", 3, vec![direct, hopeless])]);
    let found = rows(&page(&record, None), "Times as a table: g");
    assert_eq!(
        found[1],
        [
            "3²",
            "CPU direct",
            "1.38 ms",
            "1.32 ms to 1.56 ms",
            "24",
            "1.80 ms",
            "20.9 ms",
            "690 µs",
            "50 %",
            "2e-07",
            "chosen fastest",
        ]
    );
    assert_eq!(found[2][1..4], ["CPU fft", "–", "–"]);
    assert_eq!(found[2][10], "too long");
}

#[test]
fn the_split_of_a_gpu_s_time_has_the_host_s_rest() {
    let parts = crate::bench::record::Parts { upload: 0.001, compute: 0.002, download: 0.003 };
    let fft = Way { parts: Some(parts), ..way("convolve", "gpu", "fft", 0.01) };
    let record = with(vec![case("g", "g, 3 x 3", 3, vec![fft])]);
    let page = page(&record, None);
    let found = rows(&page, "Where a GPU's time goes, as a table: g");
    assert_eq!(found[1], ["3²", "GPU fft", "10.0 ms", "1.00 ms", "2.00 ms", "3.00 ms", "4.00 ms"]);
    assert!(page.contains("3² fft: upload 10 %, compute 20 %, download 30 %, host 40 %."));
}

#[test]
fn names_are_text_whatever_they_are() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut record = full();
    let mut others = sample::peers();
    for record in [&mut record, &mut others] {
        record.date = evil.into();
        record.convolve = evil.into();
        record.machine.cpu = evil.into();
        record.machine.os = evil.into();
        record.machine.instructions = evil.into();
        record.versions.insert(evil.into(), evil.into());
        for device in &mut record.devices {
            device.name = evil.into();
            device.backend = evil.into();
            device.driver = evil.into();
        }
        for limit in &mut record.limits {
            limit.name = evil.into();
            limit.device = evil.into();
            limit.unit = evil.into();
        }
        for case in &mut record.cases {
            let fields = [
                &mut case.set,
                &mut case.group,
                &mut case.name,
                &mut case.samples,
                &mut case.dtype,
                &mut case.data,
                &mut case.kernel,
                &mut case.mode,
                &mut case.boundary,
            ];
            fields.into_iter().for_each(|field| field.push_str(evil));
            for way in &mut case.ways {
                way.name.push_str(evil);
                way.device.push_str(evil);
                way.library.push_str(if way.library == "convolve" { "" } else { evil });
                way.method = Some(evil.into());
                way.error = Some(evil.into());
                way.left_out = Some(evil.into());
            }
        }
    }
    let page = html(&record, Some(&others));
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    // Neither does it end the attribute that it stands in.
    assert!(!page.contains("</script>\""));
    assert!(!charts(&page).is_empty());
    charts(&page).into_iter().for_each(|chart| drop(Document::parse(chart).unwrap()));
}

#[test]
fn charts_are_xml_with_names_and_stand_beside_tables() {
    let page = html(&full(), Some(&sample::peers()));
    // Of four groups: runs, first calls, shares, parts; of peers: two; and what the choice loses.
    assert_eq!(charts(&page).len(), 4 * 4 + 2 + 1);
    for chart in charts(&page) {
        let document = Document::parse(chart).unwrap();
        let svg = document.root_element();
        assert_eq!(svg.attribute("role"), Some("img"));
        for (attribute, tag) in [("aria-labelledby", "title"), ("aria-describedby", "desc")] {
            let node = svg.children().find(|node| node.has_tag_name(tag)).unwrap();
            assert_eq!(svg.attribute(attribute), node.attribute("id"));
            assert!(text(node).len() > 10, "{chart}");
        }
        for number in ["NaN", "inf"] {
            assert!(
                !chart.contains(&format!("{number},")) && !chart.contains(&format!(",{number}"))
            );
        }
    }
    assert_eq!(page.matches("<figure>").count(), charts(&page).len());
    for section in page.split("<section").filter(|section| section.contains("<figure>")) {
        assert!(section.contains("<details") && section.contains("<table"), "{section}");
    }
}

#[test]
fn the_description_of_a_chart_has_its_ends() {
    let point = |side: usize, median| {
        case("g", &format!("g, {side}"), side, vec![way("convolve", "cpu", "fft", median)])
    };
    let page = page(&with(vec![point(31, 0.004), point(3, 0.001)]), None);
    assert!(page.contains("CPU fft: 1.00 ms at 3² to 4.00 ms at 31²."), "{page}");
}

#[test]
fn a_device_has_the_least_limit_of_its_ways() {
    let limited = |device: &str, name: &str, limit| Way {
        limit: Some(limit),
        ..way("convolve", device, name, 0.01)
    };
    let ways = || vec![limited("cpu", "direct", 0.002), limited("cpu", "fft", 0.001)];
    let cases = [3, 7].map(|side| case("g", &format!("{side}"), side, ways()));
    let groups = Group::all(&cases);
    let limits = groups[0].limits();
    assert_eq!(limits.len(), 1);
    assert!(limits[0].points.iter().all(|point| point.value == 0.001));
    let page = page(&with(cases.into()), None);
    assert!(page.contains("limit, CPU<") && !page.contains("limit, GPU<"));
    // That of times, and the 100 % of that of shares.
    let lines = charts(&page)
        .iter()
        .map(|chart| chart.matches("class=\"limit\"").count())
        .collect::<Vec<_>>();
    assert_eq!(lines, [1, 1]);
    // Shares are of a way's own.
    let found = rows(&page, "Times as a table: g");
    assert_eq!([&found[1][8], &found[2][8]], ["20 %", "10 %"]);
}

#[test]
fn regret_is_what_the_choice_loses() {
    let choice = |side: usize, loss: f64| {
        let chosen = Way { chosen: true, ..way("convolve", "cpu", "direct", 1e-3 * loss) };
        // Faster, but of another library.
        let other = way("SciPy", "cpu", "fft", 1e-4);
        let ways = vec![chosen, way("convolve", "cpu", "fft", 1e-3), other];
        case("g", &format!("case {side}"), side, ways)
    };
    let record = with(vec![choice(3, 1.0), choice(5, 0.5), choice(7, 1.5), choice(9, 1.2)]);
    let regret = Regret::of(&record.cases);
    let (median, high, worst) = regret.summary().unwrap();
    // Of 1, 1, 1.2 and 1.5.
    assert!((median - 1.1).abs() < 1e-9 && (high - 1.455).abs() < 1e-9, "{median} {high}");
    assert_eq!(worst.case.name, "case 7");
    let page = page(&record, None);
    assert!(page.contains("the fastest in 2 of 4 cases"));
    assert_eq!(
        rows(&page, "As a table: every choice")[1],
        ["case 7", "CPU direct", "–", "1.50 ms", "CPU fft", "1.00 ms", "1.50×"]
    );
    assert!(page.contains("case 9: 1.20×") && !page.contains("case 5: "));
}

#[test]
fn one_method_measured_twice_is_no_loss() {
    let chosen =
        Way { chosen: true, method: Some("fft".into()), ..way("convolve", "cpu", "auto", 1.1e-3) };
    let same = way("convolve", "cpu", "fft", 1e-3);
    let record = with(vec![case("g", "n", 3, vec![chosen, same])]);
    assert_eq!(Regret::of(&record.cases).summary().unwrap().2.regret, 1.0);
}

#[test]
fn the_map_of_wins_names_the_fastest_and_the_chosen() {
    let chosen = Way { chosen: true, ..way("convolve", "cpu", "direct", 3e-3) };
    let differs = case("g", "a", 3, vec![chosen.clone(), way("convolve", "gpu", "fft", 1.5e-3)]);
    let agrees = case("g", "b", 5, vec![chosen, way("convolve", "gpu", "fft", 4e-3)]);
    let found = rows(
        &page(&with(vec![differs, agrees]), None),
        "Fastest and chosen ways, kernels of 2 dimensions",
    );
    assert_eq!(found[0], ["samples", "3²", "5²"]);
    assert_eq!(found[1][1..], ["GPU fft CPU direct 2.00×", "CPU direct"]);
}

#[test]
fn wins_of_peers_are_shown_as_such() {
    let peers = sample::peers();
    let page = page(&full(), Some(&peers));
    let found = rows(&page, "Cases in which another library is faster");
    assert_eq!(found.len(), 2);
    assert_eq!(found[1][..2], ["OpenCV filter2D", "2048², 3²"]);
    assert_eq!(found[1][4], "1.25×");
    assert!(page.contains("Another library was faster in 1 of 6 cases."));
    let found = rows(&page, "Medians as a table: arrays: 2d");
    assert_eq!(found[1][4..], ["814 µs (0.80×) filter2D", "OpenCV is faster"]);
    assert_eq!(found[4][4..], ["wrong", "convolve"]);
    // Who computes something else does not win.
    let found = rows(&page, "Medians as a table: pictures: photograph");
    assert!(found[1][3].ends_with("GaussianBlur, another kernel"), "{found:?}");
    assert_eq!(found[1][5], "convolve");
    for reason in ["off by 0.3, not 1e-05", "slower than the library's best"] {
        assert!(page.contains(reason), "{reason}");
    }
}

#[test]
fn peers_of_another_machine_are_said_to_be() {
    let mut others = sample::peers();
    assert!(!page(&full(), Some(&others)).contains("Measured on another machine"));
    others.machine.cpu = "another".into();
    assert!(page(&full(), Some(&others)).contains("Measured on another machine"));
}

#[test]
fn a_record_of_peers_alone_is_a_page_too() {
    let peers = sample::peers();
    assert!(peers.cases.iter().all(peers::has_any));
    assert!(page(&peers, None).contains("Another library was faster in 1 of 6 cases."));
}

#[test]
fn software_adapters_are_flagged() {
    let mut record = full();
    assert!(page(&record, None).contains("say nothing about a GPU"));
    record.devices.truncate(1);
    assert!(!page(&record, None).contains("software adapter"));
}

#[test]
fn what_is_not_known_leaves_no_empty_charts() {
    let nothing = page(&empty(), None);
    assert!(nothing.contains("Nothing was measured.") && nothing.contains("none took part"));
    assert!(charts(&nothing).is_empty());
    for absent in ["<table", "<figure", "NaN", "inf"] {
        assert!(!nothing.split("</style>").nth(1).unwrap().contains(absent), "{absent}");
    }

    let mut bare = full();
    bare.devices.clear();
    bare.limits.clear();
    for way in bare.cases.iter_mut().flat_map(|case| &mut case.ways) {
        let only = Way { median: way.median, ..Way::default() };
        *way = Way {
            library: way.library.clone(),
            name: way.name.clone(),
            device: way.device.clone(),
            ..only
        };
    }
    let bare = page(&bare, None);
    // One of times for each group.
    assert_eq!(charts(&bare).len(), 4);
    assert!(!bare.contains("What the choice costs") && !bare.contains("Where a GPU's time goes"));

    // One size is no line, and times that cannot be are none.
    let mut odd = with(vec![case("g", "n", 3, vec![way("convolve", "cpu", "fft", 0.0)])]);
    assert!(charts(&page(&odd, None)).is_empty());
    odd.cases.push(case("g", "m", 5, vec![way("convolve", "cpu", "fft", -1.0)]));
    odd.cases.push(case("g", "o", 0, vec![way("convolve", "cpu", "fft", f64::NAN)]));
    odd.cases.push(case("g", "p", 7, Vec::new()));
    assert!(charts(&page(&odd, None)).is_empty());
}

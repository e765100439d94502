//! The page of `--report`.

use super::record::Record;
use super::table;

/// What was measured as a page of its own, beside what `benches/peers` has measured.
pub fn html(record: &Record, peers: Option<&Record>) -> String {
    let text: Vec<String> = [record].into_iter().chain(peers).map(table::text).collect();
    let text = text.join("\n\n").replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>convolve bench</title>\n\
         <pre>{text}</pre>\n</html>\n"
    )
}

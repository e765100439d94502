//! A record as a table for programs: a line for each way.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::cases::lengths;
use super::record::Record;

#[derive(Serialize)]
struct Row<'r> {
    set: &'r str,
    group: &'r str,
    case: &'r str,
    samples: &'r str,
    shape: String,
    dtype: &'r str,
    data: &'r str,
    kernel: &'r str,
    kernel_shape: String,
    mode: &'r str,
    boundary: &'r str,
    multiply_adds: f64,
    bytes: f64,
    copy: Option<f64>,
    library: &'r str,
    way: &'r str,
    device: &'r str,
    method: Option<&'r str>,
    median: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    runs: Option<usize>,
    first: Option<f64>,
    expected: Option<f64>,
    limit: Option<f64>,
    upload: Option<f64>,
    compute: Option<f64>,
    download: Option<f64>,
    error: Option<&'r str>,
    chosen: bool,
    other_kernel: bool,
    left_out: Option<&'r str>,
    wrong: bool,
}

pub fn write(record: &Record, file: impl Write) -> Result<()> {
    let mut writer = ::csv::Writer::from_writer(file);
    for case in &record.cases {
        for way in &case.ways {
            writer.serialize(Row {
                set: &case.set,
                group: &case.group,
                case: &case.name,
                samples: &case.samples,
                shape: lengths(&case.shape),
                dtype: &case.dtype,
                data: &case.data,
                kernel: &case.kernel,
                kernel_shape: lengths(&case.kernel_shape),
                mode: &case.mode,
                boundary: &case.boundary,
                multiply_adds: case.multiply_adds,
                bytes: case.bytes,
                copy: case.copy,
                library: &way.library,
                way: &way.name,
                device: &way.device,
                method: way.method.as_deref(),
                median: way.median,
                low: way.low,
                high: way.high,
                runs: way.runs,
                first: way.first,
                expected: way.expected,
                limit: way.limit,
                upload: way.parts.map(|parts| parts.upload),
                compute: way.parts.map(|parts| parts.compute),
                download: way.parts.map(|parts| parts.download),
                error: way.error.as_deref(),
                chosen: way.chosen,
                other_kernel: way.other_kernel,
                left_out: way.left_out.as_deref(),
                wrong: way.wrong,
            })?;
        }
    }
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::Way;
    use crate::bench::record::tests::{case, record, way};

    #[test]
    fn fields_may_have_anything_in_them() {
        let reason = "no \"GPU\", not\none";
        let out = Way { left_out: Some(reason.into()), median: None, ..way("gpu", "fft", 1.0) };
        let record = record(vec![case("a, b", vec![way("cpu", "direct", 0.25), out])]);
        let mut file = Vec::new();
        write(&record, &mut file).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(
            text.starts_with("set,group,case,") && text.contains("\"no \"\"GPU\"\", not\none\"")
        );
        let mut reader = ::csv::Reader::from_reader(&*file);
        let headers = reader.headers().unwrap().clone();
        let column = |name| headers.iter().position(|header| header == name).unwrap();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(&rows[0][column("case")], "a, b");
        assert_eq!(&rows[0][column("median")], "0.25");
        assert_eq!(&rows[1][column("median")], "");
        assert_eq!(&rows[1][column("left_out")], reason);
        assert_eq!(&rows[1][column("shape")], "512 x 512");
    }
}

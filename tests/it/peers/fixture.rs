//! Reads the fixtures and compares with them.

use ndarray::Array3;
use std::str::FromStr;

/// What a peer's function made of a picture.
pub(super) struct Case {
    pub(super) function: &'static str,
    pub(super) of: &'static str,
    pub(super) words: &'static str,
    /// Whether the values are levels, rounded and saturated, and not sums.
    pub(super) levels: bool,
    /// What values were rounded to, where they have fractions.
    unit: f64,
    y: Array3<f64>,
}

/// The picture, height x width x channels.
pub(super) fn picture() -> Array3<u8> {
    let line = lines().nth(1).expect("a picture").strip_prefix("picture | u8 1 ");
    let levels = array("u8", line.expect("a picture"));
    levels.mapv(|level| level as u8)
}

/// All cases of functions whose names begin like this.
pub(super) fn cases(peer: &str) -> Vec<Case> {
    let cases = lines().skip(2).map(case).filter(|case| case.function.starts_with(peer));
    let cases: Vec<_> = cases.collect();
    assert!(!cases.is_empty(), "{peer}");
    cases
}

fn lines() -> std::str::Lines<'static> {
    include_str!("../fixtures/peers.txt").lines()
}

fn case(line: &'static str) -> Case {
    let fields: Vec<_> = line.split(" | ").collect();
    let [function, of, words, values] = fields[..] else { panic!("four fields: {line}") };
    let (kind, rest) = values.split_once(' ').expect("a type");
    let (unit, rest) = rest.split_once(' ').expect("a unit");
    let unit = unit.parse().expect("a number");
    let y = array(kind, rest).mapv(|value| value * unit);
    Case { function, of, words, levels: kind != "i16", unit, y }
}

/// Shape and hexadecimal values.
fn array(kind: &str, text: &'static str) -> Array3<f64> {
    let (shape, values) = text.split_once(" : ").expect("shape and values");
    let shape: Vec<usize> = shape.split(' ').map(|n| n.parse().expect("a length")).collect();
    let digits = if kind == "u8" { 2 } else { 4 };
    let value = |at: usize| {
        let digits = &values[at * digits..][..digits];
        let value = u16::from_str_radix(digits, 16).expect("hexadecimal digits");
        if kind == "i16" { f64::from(value as i16) } else { f64::from(value) }
    };
    let values = (0..values.len() / digits).map(value).collect();
    Array3::from_shape_vec((shape[0], shape[1], shape[2]), values).expect("as many as the shape")
}

impl Case {
    /// An argument, where it was given.
    pub(super) fn given<T: FromStr>(&self, name: &str) -> Option<T> {
        let mut words = self.words.split(' ').filter_map(|word| word.split_once('='));
        let (_, value) = words.find(|(argument, _)| *argument == name)?;
        let value = value.parse();
        Some(value.unwrap_or_else(|_| panic!("{}: {name} is of another type", self.name())))
    }

    /// An argument.
    pub(super) fn word<T: FromStr>(&self, name: &str) -> T {
        self.given(name).unwrap_or_else(|| panic!("{}: {name} is missing", self.name()))
    }

    pub(super) fn name(&self) -> String {
        format!("{} of {} ({})", self.function, self.of, self.words)
    }

    /// Levels within one, sums to what the fixture keeps of them.
    pub(super) fn agrees(&self, found: &Array3<f64>) {
        self.within(found, self.bound(), 0);
    }

    fn bound(&self) -> f64 {
        if self.levels {
            return 1.0;
        }
        let largest = self.y.iter().fold(0.0, |largest: f64, y| largest.max(y.abs()));
        let stored = if self.unit < 1.0 { self.unit / 2.0 } else { 0.0 };
        // Some roundings of f32.
        stored + 4e-6 * largest
    }

    /// Within a bound, but for so many samples along the edges.
    pub(super) fn within(&self, found: &Array3<f64>, bound: f64, margin: usize) {
        let (off, [row, column, channel]) = self.largest_difference(found, margin);
        let place = (row, column, channel);
        assert!(
            off <= bound,
            "{} at row {row}, column {column}, channel {channel}: {} there, {} here, which is {off} apart \
             and may be {bound}",
            self.name(),
            self.y[place],
            found[place],
        );
    }

    /// By how much results differ at most, and where.
    pub(super) fn largest_difference(
        &self,
        found: &Array3<f64>,
        margin: usize,
    ) -> (f64, [usize; 3]) {
        assert_eq!(found.dim(), self.y.dim(), "{}", self.name());
        let (rows, columns, _) = self.y.dim();
        let inside = |at: usize, length: usize| (margin..length - margin).contains(&at);
        let places = self
            .y
            .indexed_iter()
            .filter(|((row, column, _), _)| inside(*row, rows) && inside(*column, columns));
        let differences = places.map(|(place, y)| ((found[place] - y).abs(), place.into()));
        // What is no number is the largest.
        let largest = differences.max_by(|(a, _), (b, _)| a.total_cmp(b));
        largest.unwrap_or_else(|| panic!("{}: nothing is inside", self.name()))
    }
}

/// The comparison sees one value that is off, and what is no number.
#[test]
fn what_differs_is_seen() {
    for case in cases("cv2.GaussianBlur") {
        let mut found = case.y.clone();
        case.agrees(&found);
        let bound = case.bound();
        for wrong in
            [found[[12, 14, 0]] + 1.01 * bound, found[[12, 14, 0]] - 1.01 * bound, f64::NAN]
        {
            found[[12, 14, 0]] = wrong;
            let (off, place) = case.largest_difference(&found, 0);
            let seen = off > bound || off.is_nan();
            assert!(seen && place == [12, 14, 0], "{}: {wrong}", case.name());
        }
    }
}

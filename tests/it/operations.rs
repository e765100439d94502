//! Gradients, templates, gaps and unsharp masks against other libraries: fixtures that
//! fixtures/operations.py wrote down.

use convolve::filters::{self, Derivatives};
use convolve::{Boundary, Convolver};
use ndarray::Array2;

struct Fixture {
    name: &'static str,
    parameters: Vec<&'static str>,
    x: Array2<f64>,
    k: Option<Array2<f64>>,
    y: Array2<f64>,
}

fn fixtures(name: &str) -> Vec<Fixture> {
    let mut lines = include_str!("fixtures/operations.txt").lines().peekable();
    let mut all = Vec::new();
    while let Some(header) = lines.next() {
        let (name, parameters) = header.split_once(" | ").expect("a header");
        let mut array = |what: &str| {
            let text = lines.next_if(|line| line.starts_with(what))?.strip_prefix(what)?;
            let (shape, values) = text.split_once(':')?;
            let shape: Vec<usize> = shape.split_whitespace().map(|n| n.parse().unwrap()).collect();
            let values = values.split_whitespace().map(|value| value.parse().unwrap()).collect();
            Array2::from_shape_vec((shape[0], shape[1]), values).ok()
        };
        let (x, k) = (array("x ").expect("an input"), array("k "));
        let y = array("y ").expect("an output");
        let parameters = parameters.split_whitespace().collect();
        all.push(Fixture { name, parameters, x, k, y });
    }
    assert!(lines.peek().is_none() && all.len() > 30, "{} fixtures", all.len());
    all.retain(|fixture| fixture.name.starts_with(name));
    assert!(!all.is_empty(), "{name}");
    all
}

fn cpu() -> Convolver {
    Convolver::builder().gpu(false).build()
}

fn boundary(name: &str) -> Boundary<f64> {
    match name {
        "zero" => Boundary::Zero,
        "nearest" => Boundary::Nearest,
        "reflect" => Boundary::Reflect,
        "mirror" => Boundary::Mirror,
        "wrap" => Boundary::Wrap,
        _ => panic!("boundary {name}"),
    }
}

fn compare(fixture: &Fixture, found: &Array2<f64>, off: f64) {
    let (name, parameters) = (fixture.name, &fixture.parameters);
    assert_eq!(found.dim(), fixture.y.dim(), "{name} {parameters:?}");
    for (place, y) in fixture.y.indexed_iter() {
        let same = (found[place] - y).abs() <= off || (found[place].is_nan() && y.is_nan());
        assert!(same, "{name} {parameters:?} at {place:?}: {}, not {y}", found[place]);
    }
}

#[test]
fn gradients_as_scipy() {
    for fixture in fixtures("ndimage") {
        let [derivatives, edge] = fixture.parameters[..] else { panic!("two parameters") };
        let [right, down] = derivatives.parse::<Derivatives>().unwrap().kernels::<f64>().unwrap();
        let gradient = cpu().filter(&right).boundary(boundary(edge)).gradient(&down);
        let y = gradient.for_shape(fixture.x.dim()).unwrap().apply(&fixture.x).unwrap();
        compare(&fixture, &y, 1e-9);
    }
}

#[test]
fn templates_as_scikit_image() {
    for fixture in fixtures("skimage.match_template") {
        let template = cpu().template(fixture.k.as_ref().expect("a template")).unwrap();
        let template = match fixture.parameters[0] {
            "same" => template.same(),
            _ => template,
        };
        let found = template.for_shape(fixture.x.dim()).unwrap();
        // It takes differences of sums of whole squares, which leaves less of a contrast below the level, and
        // not quite 0 of none.
        compare(&fixture, &found.apply(&fixture.x).unwrap(), 2e-6);
        // Integers are integers.
        let integers = found.apply(&fixture.x.mapv(|x| x as u16)).unwrap();
        assert_eq!(integers, found.apply(&fixture.x).unwrap());
    }
}

#[test]
fn templates_as_opencv() {
    for mut fixture in fixtures("cv2.matchTemplate") {
        let (x, template) = (&fixture.x, fixture.k.as_ref().expect("a template"));
        let found = cpu().template(template).unwrap().for_shape(x.dim()).unwrap();
        let y = found.apply(x).unwrap();
        // It gives 1 or 0 to windows that are flat.
        let (rows, columns) = template.dim();
        for ((i, j), y) in fixture.y.indexed_iter_mut() {
            let window = x.slice(ndarray::s![i..i + rows, j..j + columns]);
            if window.iter().all(|x| *x == window[[0, 0]]) {
                *y = 0.0;
            }
        }
        // It computes in f32, of which a level of 1000 leaves less.
        let level = if x[[0, 0]] < 500.0 { 1e-5 } else { 2e-3 };
        compare(&fixture, &y, level);
    }
}

#[test]
fn gaps_as_astropy() {
    for fixture in fixtures("astropy.convolve") {
        let kernel = fixture.k.as_ref().expect("a kernel");
        let filter = cpu().filter(kernel).boundary(boundary(fixture.parameters[0]));
        let filter = filter.for_shape_ignoring_nan(fixture.x.dim()).unwrap();
        let y = match fixture.parameters[1..] {
            [] => filter.apply(&fixture.x),
            ref mask => {
                let mask = mask.iter().map(|there| there.parse().unwrap()).collect();
                let mask = Array2::from_shape_vec(fixture.x.dim(), mask).unwrap();
                filter.apply_weighted(&fixture.x, &mask)
            }
        };
        compare(&fixture, &y.unwrap(), 1e-11);
    }
}

#[test]
fn unsharp_masks_nearly_as_pillow() {
    for fixture in fixtures("PIL.UnsharpMask") {
        let values: Vec<f64> = fixture.parameters.iter().map(|p| p.parse().unwrap()).collect();
        let amount = values[1] / 100.0;
        let blur = cpu().filter(&filters::gaussian(values[0]).unwrap()).boundary(Boundary::Nearest);
        let sharp = blur.unsharp(amount, values[2]).for_shape(fixture.x.dim()).unwrap();
        let y = sharp.apply(&fixture.x).unwrap().mapv(|y| y.clamp(0.0, 255.0).round());
        let blurred = sharp.blur().apply(&fixture.x).unwrap();
        // Its Gaussian is three boxes, rounded to levels, and differs from one by up to 3.7 levels here: so
        // much times the amount may results differ, but not those about the threshold, which may fall on
        // either side of it.
        let (mut left, mut sharpened) = (0, 0);
        for (place, y) in y.indexed_iter() {
            let taken = (fixture.x[place] - blurred[place]).abs();
            if (taken - values[2]).abs() < 3.7 {
                continue;
            }
            let off = (y - fixture.y[place]).abs();
            assert!(off <= 3.7 * amount + 1.0, "{:?} {place:?}: {off}", fixture.parameters);
            left += usize::from(taken < values[2]);
            sharpened += usize::from(taken > values[2]);
        }
        assert!(sharpened > 20 && (left > 50 || values[2] < 3.7), "{left} {sharpened}");
    }
}

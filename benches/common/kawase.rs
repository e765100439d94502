//! The dual Kawase blur as GPUs run it, and how far responses are from a Gaussian.

/// One channel of a picture, row by row.
#[derive(Clone)]
pub struct Plane {
    pub side: usize,
    pub samples: Vec<f32>,
}

impl Plane {
    /// A point of light.
    pub fn impulse(side: usize, [x, y]: [usize; 2]) -> Self {
        let mut samples = vec![0.0; side * side];
        samples[y * side + x] = 1.0;
        Self { side, samples }
    }

    /// Between texels, as a linear sampler that clamps reads them.
    fn sample(&self, x: f32, y: f32) -> f32 {
        let last = self.side as i32 - 1;
        let near = |at: f32| {
            let from = at.floor();
            let [a, b] = [from as i32, from as i32 + 1].map(|n| n.clamp(0, last) as usize);
            (a, b, at - from)
        };
        let ((left, right, u), (top, bottom, v)) = (near(x), near(y));
        let row = |y: usize| {
            let (a, b) = (self.samples[y * self.side + left], self.samples[y * self.side + right]);
            a + u * (b - a)
        };
        let (a, b) = (row(top), row(bottom));
        a + v * (b - a)
    }

    /// A pass into another size: weights, and where samples lie in half texels of what is read.
    fn pass(&self, side: usize, offset: f32, taps: &[(f32, f32, f32)]) -> Self {
        let scale = self.side as f32 / side as f32;
        let sum: f32 = taps.iter().map(|tap| tap.2).sum();
        let taps: Vec<_> = taps
            .iter()
            .map(|&(x, y, weight)| (0.5 * offset * x, 0.5 * offset * y, weight / sum))
            .collect();
        let mut samples = Vec::with_capacity(side * side);
        for y in 0..side {
            let v = (y as f32 + 0.5) * scale - 0.5;
            for x in 0..side {
                let u = (x as f32 + 0.5) * scale - 0.5;
                let sum = taps.iter().map(|&(dx, dy, w)| w * self.sample(u + dx, v + dy)).sum();
                samples.push(sum);
            }
        }
        Self { side, samples }
    }
}

/// Five samples, into half the size.
const DOWN: [(f32, f32, f32); 5] =
    [(0.0, 0.0, 4.0), (-1.0, -1.0, 1.0), (1.0, -1.0, 1.0), (-1.0, 1.0, 1.0), (1.0, 1.0, 1.0)];
/// Eight samples, into twice the size.
const UP: [(f32, f32, f32); 8] = [
    (-2.0, 0.0, 1.0),
    (2.0, 0.0, 1.0),
    (0.0, -2.0, 1.0),
    (0.0, 2.0, 1.0),
    (-1.0, -1.0, 2.0),
    (1.0, -1.0, 2.0),
    (-1.0, 1.0, 2.0),
    (1.0, 1.0, 2.0),
];

/// A dual Kawase blur: as many halvings as doublings, and samples this many half texels apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kawase {
    pub levels: u32,
    pub offset: f32,
}

impl Kawase {
    /// Responses to a point of light at every place to the coarse grids, or at this many: along a row, and along
    /// the diagonal.
    pub fn responses(self, most: usize) -> Vec<Response> {
        let period = 1 << self.levels;
        // Room for the tails.
        let side = period * (4.0 + 8.0 * self.offset).ceil() as usize;
        let phases = (0..period).step_by((period / most).max(1));
        let places = phases.flat_map(|phase| [[phase, 0], [phase, phase]]);
        let respond = |place: [usize; 2]| {
            let at = place.map(|phase| side / 2 / period * period + phase);
            let mut plane = Plane::impulse(side, at);
            for level in 1..=self.levels {
                plane = plane.pass(side >> level, self.offset, &DOWN);
            }
            for level in (0..self.levels).rev() {
                plane = plane.pass(side >> level, self.offset, &UP);
            }
            Response::of(&plane, at, side / 2 - period)
        };
        places.map(respond).collect()
    }

    /// The sigma of the Gaussian that is nearest to its responses.
    pub fn sigma(self) -> f64 {
        Gaussian::nearest(&self.responses(4)).sigma
    }

    /// The one of this depth for a sigma, by an offset from 1 to 4.
    pub fn of_sigma(levels: u32, sigma: f64) -> Option<Self> {
        let [mut low, mut high] = [1.0, 4.0].map(|offset| Self { levels, offset });
        if !(low.sigma()..=high.sigma()).contains(&sigma) {
            return None;
        }
        for _ in 0..10 {
            let middle = Self { levels, offset: 0.5 * (low.offset + high.offset) };
            *if middle.sigma() < sigma { &mut low } else { &mut high } = middle;
        }
        Some(high)
    }

    /// Bilinear samples, and texels that are read and written, each for one texel of a result of this size.
    pub fn moves(self, [width, height]: [usize; 2]) -> (f64, f64, f64) {
        let texels = |level: u32| {
            [width, height].iter().map(|n| (n >> level).max(1) as f64).product::<f64>()
        };
        let (halved, whole): (Vec<f64>, Vec<f64>) =
            (1..=self.levels).map(|level| (texels(level), texels(level - 1))).unzip();
        let [halved, whole] = [halved, whole].map(|sizes| sizes.iter().sum::<f64>() / texels(0));
        (5.0 * halved + 8.0 * whole, whole + halved, halved + whole)
    }
}

/// What became of a point of light, as far as `reach` texels around it.
pub struct Response {
    reach: usize,
    samples: Vec<f32>,
}

impl Response {
    /// Of a point that was here.
    pub fn of(plane: &Plane, [x, y]: [usize; 2], reach: usize) -> Self {
        let rows = y - reach..=y + reach;
        let row = |y: usize| &plane.samples[y * plane.side + x - reach..][..2 * reach + 1];
        Self { reach, samples: rows.flat_map(row).copied().collect() }
    }

    /// Samples with where they lie from the point.
    fn around(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let (width, reach) = (2 * self.reach + 1, self.reach as f64);
        self.samples.iter().enumerate().map(move |(index, &sample)| {
            let [y, x] = [index / width, index % width].map(|n| n as f64 - reach);
            (x, y, f64::from(sample))
        })
    }

    /// Second moment along one axis, per light.
    fn variance(&self) -> f64 {
        let (mut all, mut squares) = (0.0, 0.0);
        for (x, y, sample) in self.around() {
            (all, squares) = (all + sample, squares + sample * (x * x + y * y));
        }
        0.5 * squares / all
    }

    /// How far the light's centre has moved, in texels.
    fn moved(&self) -> f64 {
        let mut sums = [0.0; 3];
        for (x, y, sample) in self.around() {
            for (sum, term) in sums.iter_mut().zip([sample, sample * x, sample * y]) {
                *sum += term;
            }
        }
        (sums[1] / sums[0]).hypot(sums[2] / sums[0])
    }

    /// Of responses that reach as far.
    fn mean(all: &[Self]) -> Self {
        let share = 1.0 / all.len() as f32;
        let sum = |index: usize| all.iter().map(|one| one.samples[index]).sum::<f32>();
        let samples = (0..all[0].samples.len()).map(|index| share * sum(index)).collect();
        Self { reach: all[0].reach, samples }
    }
}

pub struct Gaussian {
    pub sigma: f64,
}

impl Gaussian {
    /// The one that is nearest to these responses, by the sum of squared deviations: it is nearest to their
    /// mean.
    pub fn nearest(responses: &[Response]) -> Self {
        let mean = Response::mean(responses);
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        let about = mean.variance().sqrt();
        let (mut low, mut high) = (0.7 * about, 1.3 * about);
        while high - low > 1e-4 * about {
            let [left, right] = [high - golden * (high - low), low + golden * (high - low)]
                .map(|sigma| Self { sigma });
            if left.squares(&mean) < right.squares(&mean) {
                high = right.sigma;
            } else {
                low = left.sigma;
            }
        }
        Self { sigma: 0.5 * (low + high) }
    }

    fn peak(&self) -> f64 {
        0.5 / (std::f64::consts::PI * self.sigma * self.sigma)
    }

    /// Relative to the peak, as far as this from the middle.
    fn line(&self, reach: usize) -> Vec<f64> {
        let at = |n: usize| (n as f64 - reach as f64) / self.sigma;
        (0..=2 * reach).map(|n| (-0.5 * at(n) * at(n)).exp()).collect()
    }

    /// The sum of squared deviations.
    fn squares(&self, response: &Response) -> f64 {
        let (line, peak) = (self.line(response.reach), self.peak());
        let rows = response.samples.chunks_exact(line.len()).zip(&line);
        let apart = rows.flat_map(|(row, along)| {
            row.iter().zip(&line).map(move |(x, across)| f64::from(*x) - peak * along * across)
        });
        apart.map(|apart| apart * apart).sum()
    }

    /// How far responses are from this one, within four sigma.
    pub fn deviation(&self, responses: &[Response]) -> Deviation {
        let reach = responses[0].reach;
        let (line, peak) = (self.line(reach), self.peak());
        let within = (4.0 * self.sigma).ceil().min(reach as f64);
        let mut range = vec![[f64::INFINITY, f64::NEG_INFINITY]; line.len() * line.len()];
        let (mut most, mut squares, mut count) = (0f64, 0.0, 0);
        for (x, y, sample) in responses.iter().flat_map(Response::around) {
            if x.abs() > within || y.abs() > within {
                continue;
            }
            let [column, row] = [x, y].map(|along| (along + reach as f64) as usize);
            let relative = sample / peak;
            let apart = relative - line[column] * line[row];
            (most, squares, count) = (most.max(apart.abs()), squares + apart * apart, count + 1);
            let [least, largest] = &mut range[row * line.len() + column];
            (*least, *largest) = (least.min(relative), largest.max(relative));
        }
        let shifts = range.iter().map(|[least, largest]| largest - least).fold(0.0, f64::max);
        let moved = responses.iter().map(Response::moved).fold(0.0, f64::max);
        Deviation { most, rms: (squares / f64::from(count)).sqrt(), shifts, moved }
    }
}

/// Relative to the Gaussian's peak, but for what has moved.
pub struct Deviation {
    /// The largest one.
    pub most: f64,
    pub rms: f64,
    /// By how much a texel differs between points that lie otherwise to the coarse grids.
    pub shifts: f64,
    /// How far a point's centre of light is from it, in texels.
    pub moved: f64,
}

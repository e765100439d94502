//! By which curve the levels of a picture stand for light, as far as its file says.

use moxcms::{ColorProfile, DataColorSpace, ToneReprCurve};

use super::About;

/// What a file says of its levels, in words, where that is not the curve of sRGB.
pub fn curve_unlike_srgb(about: &About) -> Option<String> {
    // As browsers have it: what says more has the word.
    if let Some([_, transfer, ..]) = about.png.code_points() {
        return match transfer {
            13 => None,
            1 | 6 | 14 | 15 => Some("that of BT.709 (cICP)".into()),
            8 => Some("linear light (cICP)".into()),
            16 => Some("PQ (cICP)".into()),
            18 => Some("HLG (cICP)".into()),
            other => Some(format!("transfer {other} (cICP)")),
        };
    }
    if about.png.is_srgb() {
        return None;
    }
    match &about.profile {
        Some(profile) => of_profile(profile),
        None => {
            let gamma = about.png.gamma()?;
            let curve = |level: f64| level.powf(1.0 / gamma);
            (!is_srgb(curve)).then(|| format!("gamma {:.2} (gAMA)", 1.0 / gamma))
        }
    }
}

fn of_profile(profile: &[u8]) -> Option<String> {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else {
        return Some("a colour profile that could not be read".into());
    };
    let curves = match profile.color_space {
        DataColorSpace::Gray => vec![&profile.gray_trc],
        _ => vec![&profile.red_trc, &profile.green_trc, &profile.blue_trc],
    };
    let alike = |curve: &&Option<ToneReprCurve>| {
        curve.as_ref().is_some_and(|curve| is_srgb(|level| light(curve, level)))
    };
    if curves.iter().all(alike) {
        return None;
    }
    Some(match curves[0] {
        Some(ToneReprCurve::Lut(table)) if table.is_empty() => "linear light (its profile)".into(),
        Some(ToneReprCurve::Lut(table)) if table.len() == 1 => {
            format!("gamma {:.2} (its profile)", f64::from(table[0]) / 256.0)
        }
        Some(ToneReprCurve::Parametric(values)) if values.len() == 1 => {
            format!("gamma {:.2} (its profile)", values[0])
        }
        Some(_) => "a curve of its own (its profile)".into(),
        None => "a profile of tables".into(),
    })
}

/// The light of a level from 0 to 1, as the ICC's specification has it (10.6 and 10.18).
fn light(curve: &ToneReprCurve, level: f64) -> f64 {
    match curve {
        ToneReprCurve::Lut(table) => match table.as_slice() {
            [] => level,
            [gamma] => level.powf(f64::from(*gamma) / 256.0),
            table => {
                let at = level * (table.len() - 1) as f64;
                let [below, above] =
                    [at.floor(), at.ceil()].map(|at| f64::from(table[at as usize]));
                (below + (above - below) * at.fract()) / 65_535.0
            }
        },
        ToneReprCurve::Parametric(values) => {
            let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
            match values[..] {
                [g] => level.powf(g),
                [g, a, b] if level >= -b / a => (a * level + b).powf(g),
                [_, _, _] => 0.0,
                [g, a, b, c] if level >= -b / a => (a * level + b).powf(g) + c,
                [_, _, _, c] => c,
                [g, a, b, _, d] if level >= d => (a * level + b).powf(g),
                [_, _, _, c, _] => c * level,
                [g, a, b, _, d, e, _] if level >= d => (a * level + b).powf(g) + e,
                [_, _, _, c, _, _, f] => c * level + f,
                _ => f64::NAN,
            }
        }
    }
}

/// Whether a curve gives the light of sRGB's, up to what nobody sees: a gamma of 2.2 does.
fn is_srgb(curve: impl Fn(f64) -> f64) -> bool {
    let srgb = |level: f64| match level {
        ..0.04045 => level / 12.92,
        _ => ((level + 0.055) / 1.055).powf(2.4),
    };
    // Of all light. A gamma of 2.2 is off by 0.9 %, one of 1.8 by 8 %, BT.709's curve by 5 %.
    (0..=64).map(|i| f64::from(i) / 64.0).all(|level| (curve(level) - srgb(level)).abs() < 0.015)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_profile(profile: &ColorProfile) -> About {
        About { profile: Some(profile.encode().unwrap()), ..About::default() }
    }

    #[test]
    fn curves_like_that_of_srgb_are_told_from_others() {
        for profile in [ColorProfile::new_srgb(), ColorProfile::new_display_p3()] {
            assert_eq!(curve_unlike_srgb(&with_profile(&profile)), None);
        }
        let found = curve_unlike_srgb(&with_profile(&ColorProfile::new_pro_photo_rgb()));
        assert!(found.is_some_and(|found| found.contains("its profile")));
        let adobe = curve_unlike_srgb(&with_profile(&ColorProfile::new_adobe_rgb()));
        assert_eq!(adobe, None, "gamma 2.2 looks the same");
        assert!(is_srgb(|level| level.powf(2.2)));
        for gamma in [1.0, 1.8, 2.6] {
            assert!(!is_srgb(|level| level.powf(gamma)), "{gamma}");
        }
        let about = About { profile: Some(vec![1, 2, 3]), ..About::default() };
        assert!(curve_unlike_srgb(&about).unwrap().contains("could not be read"));
        assert_eq!(curve_unlike_srgb(&About::default()), None);
    }
}

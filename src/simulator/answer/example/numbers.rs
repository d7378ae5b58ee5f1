//! Numbers within the bounds of a schema.

use serde_json::Value;

/// An integer within the bounds, near the lower one.
pub(super) fn integer(schema: &Value, number: u64) -> i64 {
    let (low, high) = bounds(schema);
    let low = low.map(|(bound, open)| if open { bound.floor() + 1.0 } else { bound.ceil() });
    let high = high.map(|(bound, open)| if open { bound.ceil() - 1.0 } else { bound.floor() });
    let step = schema.get("multipleOf").and_then(Value::as_f64).filter(|step| *step >= 1.0).unwrap_or(1.0);
    let low = ((low.or(high.map(|high| high.min(1.0))).unwrap_or(1.0)) / step).ceil();
    let choices = high.map_or(10.0, |high| (high / step).floor() - low + 1.0).clamp(1.0, 1e9);
    ((low + (number % choices as u64) as f64) * step) as i64
}

/// A number within the bounds, with two decimals where they leave room.
pub(super) fn real(schema: &Value, number: u64) -> f64 {
    if let Some(step) = schema.get("multipleOf").and_then(Value::as_f64).filter(|step| *step > 0.0) {
        let (low, _) = bounds(schema);
        let count = low.map_or(1.0, |(bound, open)| (bound / step).floor() + if open { 1.0 } else { 0.0 });
        let count = if low.is_some_and(|(bound, _)| count * step < bound) { count + 1.0 } else { count };
        // Ten times 0.1 should be 1, but is not quite.
        return (count * step * 1e9).round() / 1e9;
    }
    let (low, high) = bounds(schema);
    let (least, most) = match (low, high) {
        (Some((low, _)), Some((high, _))) => (low, high),
        (Some((low, _)), None) => (low, low + 9.0),
        (None, Some((high, _))) => (high - 9.0, high),
        (None, None) => (1.0, 10.0),
    };
    let share = (number % 1000) as f64 / 1000.0;
    let rounded = ((least + (most - least) * share) * 100.0).round() / 100.0;
    let fits = |value: f64| {
        low.is_none_or(|(bound, open)| value > bound || (!open && value == bound))
            && high.is_none_or(|(bound, open)| value < bound || (!open && value == bound))
    };
    if fits(rounded) { rounded } else { least + (most - least) / 2.0 }
}

/// A bound, and whether it is exclusive.
type Bound = Option<(f64, bool)>;

/// The lower and the upper bound.
fn bounds(schema: &Value) -> (Bound, Bound) {
    let bound = |closed: &str, open: &str, tighter: fn(f64, f64) -> bool| {
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        match (number(closed), number(open)) {
            (Some(closed), Some(open)) if tighter(closed, open) => Some((closed, false)),
            (_, Some(open)) => Some((open, true)),
            (closed, None) => closed.map(|closed| (closed, false)),
        }
    };
    (
        bound("minimum", "exclusiveMinimum", |closed, open| closed > open),
        bound("maximum", "exclusiveMaximum", |closed, open| closed < open),
    )
}

//! The order of rows in a pack.

/// Rows in an order in which neighbours of the input are apart.
///
/// Interface texts are often sorted, and neighbours then have words in common, or the same translation. In a pack they would look
/// like an answer that slipped by one. The first row stays the first.
pub fn apart_from_neighbours<T>(rows: Vec<T>) -> Vec<T> {
    let stride = rows.len().isqrt().max(1);
    let mut columns: Vec<Vec<T>> = (0..stride).map(|_| Vec::new()).collect();
    for (number, row) in rows.into_iter().enumerate() {
        columns[number % stride].push(row);
    }
    columns.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_once_and_none_is_beside_its_neighbour_once_there_are_enough() {
        for count in 0..200_usize {
            let order = apart_from_neighbours((0..count).collect());
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..count).collect::<Vec<_>>());
            assert!(order.first().is_none_or(|first| *first == 0));
            let closest = order.windows(2).map(|pair| pair[0].abs_diff(pair[1])).min();
            assert!(count < 5 || closest > Some(1), "{order:?}");
        }
    }
}

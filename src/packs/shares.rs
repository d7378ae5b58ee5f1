//! What a pack used, divided among its rows: the shares add up to the whole, token by token.

use crate::outcome::Usage;
use crate::reserve::Reserve;

/// A number in proportion to weights, by largest remainders. Without any weight, the first has all.
pub fn divided(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return (0..weights.len()).map(|index| if index == 0 { total } else { 0 }).collect();
    }
    let exact = |weight: &u64| u128::from(total) * u128::from(*weight);
    let mut shares: Vec<u64> = weights.iter().map(|weight| (exact(weight) / sum) as u64).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // Of equal remainders the earlier row's is first.
    order.sort_by_key(|index| std::cmp::Reverse(exact(&weights[*index]) % sum));
    let left = total - shares.iter().sum::<u64>();
    order.iter().take(left as usize).for_each(|index| shares[*index] += 1);
    shares
}

/// The usage of each row: the prompt by the bytes that were sent for it, the answer by those that came back.
pub fn of_usage(usage: &Usage, sent: &[u64], received: &[u64]) -> Vec<Usage> {
    let rows = sent.len();
    let by = |total: Option<u64>, weights: &[u64]| -> Vec<Option<u64>> {
        total
            .map_or_else(|| vec![None; rows], |total| divided(total, weights).into_iter().map(Some).collect())
    };
    let known = |shares: &[Option<u64>], weights: &[u64]| -> Vec<u64> {
        shares.iter().zip(weights).map(|(share, weight)| share.unwrap_or(*weight)).collect()
    };
    let prompt = by(usage.prompt_tokens, sent);
    let completion = by(usage.completion_tokens, received);
    // A part of the prompt, or of the answer, is not more than all of it.
    let cached = by(usage.cached_tokens, &known(&prompt, sent));
    let written = by(usage.cache_written_tokens, &known(&prompt, sent));
    let reasoning = by(usage.reasoning_tokens, &known(&completion, received));
    let is_sum =
        usage.prompt_tokens.zip(usage.completion_tokens).map(|(one, other)| one.saturating_add(other));
    let both: Vec<u64> = sent.iter().zip(received).map(|(one, other)| one.saturating_add(*other)).collect();
    let total = match is_sum.is_some() && is_sum == usage.total_tokens {
        true => {
            prompt.iter().zip(&completion).map(|(one, other)| Some(one.as_ref()? + other.as_ref()?)).collect()
        }
        false => by(usage.total_tokens, &both),
    };
    (0..rows)
        .map(|row| Usage {
            prompt_tokens: prompt[row],
            completion_tokens: completion[row],
            total_tokens: total[row],
            cached_tokens: cached[row],
            reasoning_tokens: reasoning[row],
            cache_written_tokens: written[row],
        })
        .collect()
}

/// Money in proportion to weights; the last share is what the others leave.
pub fn of_cost(cost: f64, weights: &[u64]) -> Vec<f64> {
    let sum: f64 = weights.iter().map(|weight| *weight as f64).sum();
    let mut left = cost;
    let last = weights.len().saturating_sub(1);
    weights
        .iter()
        .enumerate()
        .map(|(index, weight)| {
            let share = if index == last { left } else { cost * (*weight as f64) / sum.max(1.0) };
            left = (left - share).max(0.0);
            share
        })
        .collect()
}

/// What is set aside, in proportion to weights.
pub fn of_reserve(reserve: Reserve, weights: &[u64]) -> Vec<Reserve> {
    let tokens = divided(reserve.tokens, weights);
    let costs = of_cost(reserve.cost, weights);
    tokens.into_iter().zip(costs).map(|(tokens, cost)| Reserve { tokens, cost }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_whatever_the_weights() {
        for (total, weights) in [
            (100, vec![1, 1, 1]),
            (7, vec![10, 0, 3, 3]),
            (0, vec![5, 5]),
            (9, vec![0, 0]),
            (u64::MAX, vec![u64::MAX, 1, u64::MAX]),
        ] {
            let shares = divided(total, &weights);
            assert_eq!(shares.iter().map(|share| u128::from(*share)).sum::<u128>(), u128::from(total));
        }
        assert_eq!(divided(10, &[1, 1, 1]), [4, 3, 3]);
    }

    #[test]
    fn each_count_is_divided_by_its_own_bytes_and_unknown_counts_stay_unknown() {
        let usage = Usage { cached_tokens: Some(30), ..Usage::of(101, 57) };
        let shares = of_usage(&usage, &[10, 30, 60], &[5, 5, 90]);
        let sum =
            shares.iter().fold(Usage { cached_tokens: Some(0), ..Usage::of(0, 0) }, |mut sum, share| {
                sum.add(share);
                sum
            });
        assert_eq!(sum, usage);
        assert_eq!(shares[0].prompt_tokens, Some(10));
        assert!(shares.iter().all(|share| share.cached_tokens <= share.prompt_tokens));
        let odd = Usage { total_tokens: Some(500), ..Usage::default() };
        let shares = of_usage(&odd, &[1, 1], &[1, 1]);
        assert_eq!(shares[0], Usage { total_tokens: Some(250), ..Usage::default() });
    }

    #[test]
    fn money_is_divided_without_rest() {
        let shares = of_cost(0.07, &[3, 3, 3]);
        assert!((shares.iter().sum::<f64>() - 0.07).abs() < 1e-15);
        assert_eq!(of_cost(0.5, &[0, 0]), [0.0, 0.5]);
    }
}

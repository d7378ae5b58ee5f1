//! What a request costs in a batch: a share of the table's price, or the job's own price as it is.

use std::cell::RefCell;
use std::sync::Arc;

use crate::job::Job;
use crate::job::price::Price;

/// The share of the usual price where the model table names none.
const USUAL_SHARE: f64 = 0.5;

/// Prices in batches.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct BatchPrices {
    /// `None` for a job with a price of its own.
    share: Option<f64>,
    /// Prices with their share, as far as they were asked for: a job has one, or one for each model of its rows.
    known: RefCell<Vec<(Arc<Price>, Arc<Price>)>>,
}

impl BatchPrices {
    /// Those of a job.
    pub(in crate::pipeline) fn of(job: &Job) -> Self {
        let model = job.model.name.as_deref().unwrap_or_default();
        let share = job.facts_of(model).batch_file.share.unwrap_or(USUAL_SHARE);
        Self { share: (!job.own_price).then_some(share), known: RefCell::default() }
    }

    /// The price in a batch of what costs this otherwise.
    pub(in crate::pipeline) fn of_price(&self, price: &Arc<Price>) -> Arc<Price> {
        let Some(share) = self.share else { return Arc::clone(price) };
        let mut known = self.known.borrow_mut();
        if let Some((_, shared)) = known.iter().find(|(usual, _)| Arc::ptr_eq(usual, price)) {
            return Arc::clone(shared);
        }
        let shared = Arc::new(price.at_share(share));
        known.push((Arc::clone(price), Arc::clone(&shared)));
        shared
    }
}

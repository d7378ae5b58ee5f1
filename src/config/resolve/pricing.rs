//! `[price]`: figures of one's own, the table's prices of a region, or both, and the currency of all.

use std::sync::Arc;

use super::lookups::Lookups;
use crate::config::file::PriceSection;
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::facts::{ModelCatalog, ModelInfo};
use crate::job::price::{Price, PriceFigures};
use crate::job::tier::{ServedAt, ServiceTier};

/// What the job says about prices.
#[derive(Debug, Default)]
pub(super) struct Pricing {
    /// The region whose prices apply, by its name.
    region: Option<String>,
    /// The currency of all prices.
    currency: Option<String>,
    figures: PriceFigures,
}

/// Settles the section.
pub(super) fn pricing(
    section: Option<PriceSection>,
    layers: &Layers,
    lookups: &Lookups<'_>,
) -> Result<Pricing, Diagnostic> {
    let Some(section) = section else { return Ok(Pricing::default()) };
    let PriceSection { input, output, cached_input, thinking_output, cache_write, region, currency } =
        section;
    let figures = PriceFigures { input, output, cached_input, thinking_output, cache_write };
    for (key, value) in figures.named() {
        let is_wrong = value.is_some_and(|value| !value.is_finite() || value < 0.0);
        let message = format!("`{key}` must be a price per million tokens");
        layers.refuse_if(is_wrong, &format!("price.{key}"), &message)?;
    }
    if let Some(name) = &region {
        address_in(name, lookups).map_err(|message| layers.problem("price.region", message))?;
    }
    let is_word = |word: &String| {
        !word.is_empty()
            && word.chars().count() <= 8
            && word.chars().all(|c| !c.is_whitespace() && !c.is_control())
    };
    let is_wrong = currency.as_ref().is_some_and(|currency| !is_word(currency));
    layers.refuse_if(is_wrong, "price.currency", "`currency` must be a short word, such as USD, CNY or €")?;
    if region.is_none() && figures.some() && figures.whole().is_none() {
        let problem = layers.problem("price", "a price needs both `input` and `output`, per million tokens");
        return Err(problem.help("give both, or a `region` whose prices these figures replace"));
    }
    Ok(Pricing { region, currency, figures })
}

/// An address in a region, by which names of one region are known to be the same.
fn address_in(name: &str, lookups: &Lookups<'_>) -> Result<String, String> {
    (lookups.region)(name, Some("any"))
}

impl Pricing {
    /// The user's own price, which applies to every model and needs no table.
    pub(super) fn own(&self) -> Option<Price> {
        self.figures.whole().filter(|_| self.region.is_none())
    }

    /// The catalogue of an address, at the job's prices.
    pub(super) fn book(&self, lookups: &Lookups<'_>, base_url: &str, tier: ServiceTier) -> ModelCatalog {
        self.over((lookups.book)(&ServedAt { base_url, tier, priced_in: self.region.as_deref() }))
    }

    /// A catalogue in whose prices the figures beside a region are the job's own.
    fn over(&self, book: ModelCatalog) -> ModelCatalog {
        if self.region.is_none() || !self.figures.some() {
            return book;
        }
        let figures = self.figures;
        ModelCatalog::new(move |name| {
            let facts = book.of(name);
            let price = match &facts.price {
                Some(price) => Some(figures.over(price)),
                None => figures.whole(),
            };
            ModelInfo { price: price.map(Arc::new), ..facts }
        })
    }

    /// The currency of the job's prices; `None` if nothing names it.
    ///
    /// # Errors
    ///
    /// When the vendor's own address has another region than the prices, or the table's prices are in another currency.
    pub(super) fn currency(
        self,
        known: &ModelInfo,
        layers: &Layers,
        lookups: &Lookups<'_>,
    ) -> Result<Option<String>, Diagnostic> {
        if let (Some(name), Some(there)) = (&self.region, known.region)
            && address_in(name, lookups) != address_in(there, lookups)
        {
            let message = format!("the address is in {there}, where the prices of {name} do not apply");
            let help = "remove `region` under [price]: it is for an address that is not the vendor's";
            return Err(layers.problem("price.region", message).help(help));
        }
        let own = self.figures.whole().is_some();
        let of_table = (!own).then_some(known.currency).flatten();
        if let (Some(given), Some(of_table)) = (&self.currency, of_table)
            && given != of_table
        {
            let message = format!("the prices of the model table are in {of_table}, not in {given}");
            let help =
                "give `input` and `output` in that currency under [price], or prices in your own model table";
            return Err(layers.problem("price.currency", message).help(help));
        }
        Ok(self.currency.or_else(|| (!own).then(|| "USD".to_owned())))
    }
}

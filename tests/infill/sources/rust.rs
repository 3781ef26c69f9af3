//! Carts, and what's in them.
use std::collections::HashMap;

/// One line of a cart: it's `'static` at most.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    name: &'a str,
    price: f64, // in "euro"
}

/* block /* nested */ comment */
impl<'a> Item<'a> {
    pub fn new(name: &'a str, price: f64) -> Self {
        Self { name, price }
    }

    fn quoted(&self) -> String {
        let quote = '"';
        let other = '\'';
        format!("{quote}{}{other} costs {:.2}", self.name, self.price)
    }
}

pub fn total(items: &[Item<'_>]) -> Result<f64, Box<dyn std::error::Error>> {
    let raw = r#"no "end" here"#;
    let mut seen: HashMap<&str, f64> = HashMap::new();
    for item in items.iter().filter(|i| i.price > 0.0) {
        *seen.entry(item.name).or_insert(0.0) += item.price;
    }
    match seen.len() {
        0 => Err(raw.into()),
        n if n > 10 => Ok(f64::MAX),
        _ => Ok(seen.values().sum::<f64>()?),
    }
}

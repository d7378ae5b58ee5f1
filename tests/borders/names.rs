//! One name, one meaning: no two types of the crate have the same name.

use std::collections::BTreeMap;

use crate::house::HOUSE;

#[test]
fn no_type_name_is_defined_in_two_files() {
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in &HOUSE.files {
        for name in &file.types {
            homes.entry(name).or_default().push(&file.name);
        }
    }
    homes.retain(|_, files| files.len() > 1);
    assert!(homes.is_empty(), "types with two homes: {homes:#?}");
}

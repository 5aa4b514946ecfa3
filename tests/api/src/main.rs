//! Prints the public items that a JSON file of rustdoc contains, one a line.

use std::error::Error;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("no file; name the JSON file of rustdoc")?;
    let api = Builder::from_rustdoc_json(file).omit_blanket_impls(true).build()?;
    print!("{api}");
    Ok(())
}

//! A table in characters: rows by name, a column for each thing that is compared.

use std::fmt::Write;

/// Columns of a row's name, at least.
pub(super) const NAME: usize = 26;

/// The table. As many columns side by side as `width` has room for; the others in a table of their own below.
pub(super) fn grid(columns: &[&str], rows: &[(String, Vec<String>)], width: usize) -> String {
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, name)| rows.iter().map(|(_, row)| row[i].len()).chain([name.len()]).max().unwrap_or(0) + 2)
        .collect();
    let mut used = NAME;
    let fit = widths.iter().take_while(|width_of_one| {
        used += **width_of_one;
        used <= width
    });
    let fit = fit.count().max(1);
    if fit < columns.len() {
        let part = |range: std::ops::Range<usize>| -> Vec<(String, Vec<String>)> {
            rows.iter().map(|(name, row)| (name.clone(), row[range.clone()].to_vec())).collect()
        };
        let (here, below) = (part(0..fit), part(fit..columns.len()));
        return grid(&columns[..fit], &here, width) + "\n" + &grid(&columns[fit..], &below, width);
    }
    let name = width.saturating_sub(widths.iter().sum()).clamp(NAME, 40);
    let mut out = " ".repeat(name);
    for (column, width) in columns.iter().zip(&widths) {
        let _ = write!(out, "{column:>width$}");
    }
    out.push('\n');
    for (title, row) in rows {
        if title.chars().count() > name {
            // A long name: its numbers stand on the next line.
            let cut: String = title.chars().take(width).collect();
            let _ = writeln!(out, "{cut}");
            let _ = write!(out, "{:name$}", "");
        } else {
            let _ = write!(out, "{title:name$}");
        }
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(out, "{cell:>width$}");
        }
        out.push('\n');
    }
    out
}

//! [`Flow`]: a line of the table in `security/README.md`.

use std::collections::BTreeSet;
use std::fmt;

/// Who may connect to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// A component, or one of `anywhere` and `monitoring`.
    pub from: String,
    /// A component, or one of `anywhere` and `dns`.
    pub to: String,
    /// The port.
    pub port: u16,
    /// How it is spoken to.
    pub protocol: Protocol,
}

/// How a port is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// `TCP`.
    Tcp,
    /// `UDP`.
    Udp,
}

impl Protocol {
    /// As Kubernetes writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}/{}", self.from, self.to, self.port, self.protocol.name())
    }
}

/// The flows of a table `| from | to | port |`.
///
/// `from` is components with commas between, `anywhere`, `namespace `monitoring` …`, or a cell that says `above` for every
/// component above it. A port without a protocol is TCP's, and DNS has both.
///
/// # Errors
///
/// When there is no such table, or a row that says no port.
pub fn flows(markdown: &str) -> Result<BTreeSet<Flow>, String> {
    let rows = markdown.lines().skip_while(|line| cells(line).first().is_none_or(|cell| cell != "from"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let mut flows: BTreeSet<Flow> = BTreeSet::new();
    for row in rows {
        let [from, to, port, ..] = &cells(row)[..] else { return Err(format!("not `from | to | port`: {row}")) };
        let senders = senders(from, &flows);
        let to = if to.contains("DNS") { "dns" } else { to.as_str() };
        let ports = ports(port, to == "dns").ok_or_else(|| format!("no port: {row}"))?;
        for (from, (port, protocol)) in senders.iter().flat_map(|from| ports.iter().map(move |port| (from, *port))) {
            flows.insert(Flow { from: from.clone(), to: to.to_owned(), port, protocol });
        }
    }
    if flows.is_empty() { Err("no table `| from | to | port |`".to_owned()) } else { Ok(flows) }
}

fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_matches('|');
    row.split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect()
}

fn senders(cell: &str, above: &BTreeSet<Flow>) -> BTreeSet<String> {
    if cell.contains("above") {
        let senders = above.iter().map(|flow| flow.from.clone());
        return senders.filter(|from| from != "anywhere" && from != "monitoring").collect();
    }
    if cell.contains("monitoring") {
        return BTreeSet::from(["monitoring".to_owned()]);
    }
    cell.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn ports(cell: &str, is_dns: bool) -> Option<Vec<(u16, Protocol)>> {
    let number = cell.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse().ok())?;
    let is_udp = is_dns || cell.contains("UDP");
    let is_tcp = is_dns || cell.contains("TCP") || !is_udp;
    let protocols = [(is_tcp, Protocol::Tcp), (is_udp, Protocol::Udp)];
    Some(protocols.into_iter().filter(|(is, _)| *is).map(|(_, protocol)| (number, protocol)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Who may connect to whom?

| from | to | port |
|---|---|---|
| anywhere | `api` | 9999 |
| `api`, `backup` | `database` | 5432 |
| all of the above | DNS (kube-system) | 53 |
";

    fn has(from: &str, to: &str, port: u16, protocol: Protocol) -> bool {
        flows(TABLE).unwrap().contains(&Flow { from: from.to_owned(), to: to.to_owned(), port, protocol })
    }

    #[test]
    fn a_row_may_name_several_senders() {
        assert!(has("api", "database", 5432, Protocol::Tcp));
        assert!(has("backup", "database", 5432, Protocol::Tcp));
        assert!(!has("api", "database", 5432, Protocol::Udp));
    }

    #[test]
    fn all_of_the_above_are_components() {
        assert!(has("api", "dns", 53, Protocol::Udp));
        assert!(has("backup", "dns", 53, Protocol::Tcp));
        assert!(!has("anywhere", "dns", 53, Protocol::Udp));
    }

    #[test]
    fn a_page_without_a_table_is_refused() {
        assert!(flows("# Security").is_err());
    }
}

//! What the content pipeline of the table is made of: a site of the owner's, and what is below it.

use serde_json::{Value, json};

use super::world::CANARY;
use crate::support::{builders::Person, server::Server};

/// One of each kind of thing.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub site: String,
    pub sector: String,
}

/// Makes them for `owner`.
pub async fn make(server: &Server, owner: &Person) -> Pipeline {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned();
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
    let input = json!({"accountId": owner.account, "name": CANARY, "domain": "canary.example"});
    let site = text(&server.payload(owner, query, json!({"i": input})).await["site"]["id"]);
    let query = "mutation($i: CreateSectorInput!) { createSector(input: $i) { sector { id } userErrors { code } } }";
    let input = json!({"siteId": site, "name": CANARY});
    let sector = text(&server.payload(owner, query, json!({"i": input})).await["sector"]["id"]);
    Pipeline { site, sector }
}

impl Pipeline {
    /// The ids, by kind of node.
    pub fn nodes(&self) -> Vec<(&'static str, &str)> {
        vec![("Site", &self.site), ("Sector", &self.sector)]
    }

    /// The document of a root field of `Query`; `None` when it is about something else.
    pub fn query(&self, field: &str, account: &str) -> Option<String> {
        let site = "id name domain audience sectors { nodes { id name } totalCount }";
        Some(match field {
            "site" => format!("{{ site(id: \"{}\") {{ {site} }} }}", self.site),
            "sites" => format!("{{ sites(accountId: \"{account}\") {{ nodes {{ {site} }} totalCount }} }}"),
            _ => return None,
        })
    }

    /// The input of a mutation; `None` when it is about something else. `fresh` is a name that nobody has yet.
    pub fn input(&self, field: &str, account: &str, fresh: &str) -> Option<Value> {
        Some(match field {
            "createSite" => json!({"accountId": account, "name": fresh, "domain": format!("{fresh}.example")}),
            "updateSite" => json!({"siteId": self.site, "expectedVersion": 1, "name": CANARY}),
            "createSector" => json!({"siteId": self.site, "name": fresh}),
            "updateSector" => json!({"sectorId": self.sector, "isActive": true}),
            _ => return None,
        })
    }
}

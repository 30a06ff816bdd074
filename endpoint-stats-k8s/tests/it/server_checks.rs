//! Checks that know the server: its settings, ports, routes and its end.

use endpoint_stats_k8s::checks::Check;
use endpoint_stats_k8s::network::{Protocol, actors, permits};
use endpoint_stats_k8s::{Container, Finding, Object, Rendered, has_key, selects};
use endpoint_stats_server::serve::UNCOUNTED;
use serde_json::{Value, json};

use crate::applied::finds_nothing;
use crate::program::{Program, authority, is_server, parameter};

pub(crate) const SERVER_CHECKS: [(&str, Check); 7] = [
    ("the server takes its settings", settings_are_taken),
    ("files of the settings are there", files_are_there),
    ("ports are those of the settings", ports_agree),
    ("probes ask what the server answers", probes_are_answered),
    ("a pod has the time to end", pods_may_end),
    ("databases are reached by their users, over TLS", databases_are_reached),
    ("the database has room for every connection", connections_fit),
];

#[test]
fn the_server_takes_its_settings() {
    finds_nothing(settings_are_taken);
}

#[test]
fn files_of_the_settings_are_there() {
    finds_nothing(files_are_there);
}

#[test]
fn ports_are_those_of_the_settings() {
    finds_nothing(ports_agree);
}

#[test]
fn probes_ask_what_the_server_answers() {
    finds_nothing(probes_are_answered);
}

#[test]
fn a_pod_has_the_time_to_end() {
    finds_nothing(pods_may_end);
}

#[test]
fn databases_are_reached_by_their_users_over_tls() {
    finds_nothing(databases_are_reached);
}

#[test]
fn the_database_has_room_for_every_connection() {
    finds_nothing(connections_fit);
}

fn containers(rendered: &Rendered) -> Vec<Container<'_>> {
    rendered.pods().flat_map(|pod| pod.containers()).collect()
}

fn programs(rendered: &Rendered) -> Vec<Program<'_>> {
    containers(rendered).into_iter().filter_map(|container| Program::of(container, rendered).ok()).collect()
}

/// The containers that serve.
fn servers(rendered: &Rendered) -> Vec<Program<'_>> {
    let is_serving = |program: &Program<'_>| is_server(&program.container) && program.setting("listen").is_some();
    programs(rendered).into_iter().filter(is_serving).collect()
}

fn settings_are_taken(rendered: &Rendered) -> Vec<Finding> {
    let servers = containers(rendered).into_iter().filter(is_server);
    let refused = servers.filter_map(|container| {
        let error = Program::of(container, rendered).err()?;
        Some(container.finding("args, env and settings", "what the server takes", error))
    });
    let open = self::servers(rendered).into_iter().filter_map(|program| {
        let without = program.setting("without-token").unwrap_or_default().to_owned();
        (without != "nothing").then(|| program.container.finding("without-token", "nothing", without))
    });
    refused.chain(open).collect()
}

fn files_are_there(rendered: &Rendered) -> Vec<Finding> {
    let programs = programs(rendered);
    let files = programs.iter().flat_map(|program| program.files().into_iter().map(|file| (program.container, file)));
    let lost = files.filter(|(container, (_, path))| {
        let mounted = container.mounted(path);
        !mounted.is_some_and(|(volume, rest)| holds(&volume, &rest, rendered))
    });
    lost.map(|(container, (setting, path))| container.finding(&setting, "a file that a volume holds", path)).collect()
}

/// Whether a volume holds a file.
fn holds(volume: &Value, path: &str, rendered: &Rendered) -> bool {
    if let Some(sources) = volume["projected"]["sources"].as_array() {
        return sources.iter().any(|source| holds(source, path, rendered));
    }
    let has_path = |source: &Value| {
        let items = source["items"].as_array();
        items.map(|items| items.iter().any(|item| item["path"] == path))
    };
    if let Some(name) = volume["secret"]["secretName"].as_str().or(volume["secret"]["name"].as_str()) {
        return has_path(&volume["secret"]).unwrap_or_else(|| has_key(name, path));
    }
    if let Some(name) = volume["configMap"]["name"].as_str() {
        let has_key = rendered.find("ConfigMap", name).is_some_and(|settings| settings.at("/data")[path].is_string());
        return has_path(&volume["configMap"]).unwrap_or(has_key);
    }
    true
}

fn ports_agree(rendered: &Rendered) -> Vec<Finding> {
    let servers = servers(rendered);
    let pairs =
        servers.iter().flat_map(|program| [("listen", "http"), ("admin-listen", "admin")].map(|pair| (program, pair)));
    pairs
        .filter_map(|(program, (setting, port))| {
            let declared = program.container.ports().into_iter().find(|(name, _)| *name == port)?.1;
            let expected = format!("0.0.0.0:{declared}");
            let found = program.setting(setting).unwrap_or_default();
            (found != expected).then(|| program.container.finding(setting, expected, found))
        })
        .chain(servers.iter().filter_map(undeclared))
        .collect()
}

fn undeclared(program: &Program<'_>) -> Option<Finding> {
    let names: Vec<_> = program.container.ports().iter().map(|(name, _)| *name).collect();
    (names != ["http", "admin"]).then(|| program.container.finding("ports", "http and admin", names.join(", ")))
}

fn probes_are_answered(rendered: &Rendered) -> Vec<Finding> {
    let expected = [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")];
    let servers = servers(rendered);
    let asked = servers.iter().flat_map(|program| expected.map(|probe| (program.container, probe)));
    let wrong = asked.filter_map(|(container, (probe, path))| {
        let asks = container.at(&format!("/{probe}/httpGet"));
        let is_answered = asks["path"] == path && UNCOUNTED.contains(&path) && asks["port"] == "admin";
        (!is_answered).then(|| container.finding(probe, format!("{path} at admin"), asks))
    });
    wrong.collect()
}

/// Five seconds more than the server takes are for the kubelet.
fn pods_may_end(rendered: &Rendered) -> Vec<Finding> {
    let servers = servers(rendered);
    let wrong = servers.iter().filter_map(|program| {
        let pod = program.container.pod;
        let wait = program.container.at("/lifecycle/preStop/sleep/seconds").as_u64().unwrap_or(0);
        let drain: u64 = program.setting("drain-secs")?.parse().ok()?;
        let grace = pod.at("/terminationGracePeriodSeconds").as_u64().unwrap_or(30);
        let hasty = (wait < 5).then(|| program.container.finding("lifecycle.preStop.sleep", "5 s or more", wait));
        let short = (grace < wait + drain + 5).then(|| {
            let expected = format!("{wait} of preStop + {drain} of drain-secs + 5 or more");
            pod.finding("terminationGracePeriodSeconds", expected, grace)
        });
        hasty.or(short)
    });
    wrong.collect()
}

fn databases_are_reached(rendered: &Rendered) -> Vec<Finding> {
    let programs = programs(rendered);
    let urls = programs.iter().flat_map(|program| program.urls().map(move |(name, url)| (program, name, url)));
    urls.flat_map(|(program, name, url)| {
        let plain = url.starts_with("postgres") && parameter(url, "sslmode") != Some("verify-full");
        let plain = plain.then(|| program.container.finding(name, "sslmode=verify-full", url));
        [plain, of_user(program, name, url), of_host(program, name, url, rendered)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    })
    .collect()
}

/// The user of a URL, and the Secret that the password is read from, are of one name.
fn of_user(program: &Program<'_>, name: &str, url: &str) -> Option<Finding> {
    let file = program.setting(&name.replace("-url", "-password-file"))?;
    let (volume, _) = program.container.mounted(file)?;
    let secret = volume["secret"]["secretName"].as_str()?;
    let expected = match secret.strip_prefix("database-") {
        Some(role) => format!("endpoint_stats_{role}"),
        None => secret.to_owned(),
    };
    let (user, ..) = authority(url);
    (user != expected)
        .then(|| program.container.finding(name, format!("{expected}, the user of Secret {secret}"), user))
}

fn of_host(program: &Program<'_>, name: &str, url: &str, rendered: &Rendered) -> Option<Finding> {
    let (_, host, port) = authority(url);
    let finding = |expected: String| program.container.finding(name, expected, url);
    let Some(service) = rendered.find("Service", host) else {
        return (!host.contains('.')).then(|| finding(format!("a Service: {}", rendered.names("Service"))));
    };
    if service.text("/spec/type") == "ExternalName" {
        return None;
    }
    let is_served = service.list("/spec/ports").iter().any(|given| given["port"].as_u64() == port.parse().ok());
    if !is_served {
        return Some(finding(format!("a port of Service {host}: {}", service.at("/spec/ports"))));
    }
    (!is_reached(program, service, port, rendered)).then(|| finding(format!("that policies let it reach {host}")))
}

fn is_reached(program: &Program<'_>, service: &Object, port: &str, rendered: &Rendered) -> bool {
    let everybody = actors(rendered, &std::collections::BTreeSet::new());
    let owner = program.container.pod.owner.id();
    let selector = json!({ "matchLabels": service.at("/spec/selector") });
    let behind = rendered.pods().filter(|pod| selects(&selector, pod.labels())).map(|pod| pod.owner.id());
    let behind: Vec<_> = behind.collect();
    let from = everybody.iter().find(|actor| actor.name == owner);
    let to = everybody.iter().filter(|actor| behind.contains(&actor.name));
    let port = port.parse().unwrap_or(0);
    from.is_some_and(|from| to.into_iter().any(|to| permits(rendered, from, to, port, Protocol::Tcp)))
}

/// What jobs, exporters, people and superusers need beside the servers, as docs/capacity.md counts.
const OTHER_CONNECTIONS: u64 = 20;

/// Every server at its most, and those that come with an update before others go.
fn connections_fit(rendered: &Rendered) -> Vec<Finding> {
    let is_database = |settings: &&Object| settings.name().starts_with("database-settings");
    let Some(settings) = rendered.of_kind("ConfigMap").find(is_database) else { return Vec::new() };
    let lines = settings.text("/data/postgresql.conf").lines();
    let limit = lines.filter_map(|line| line.strip_prefix("max_connections = ")).find_map(|number| number.parse().ok());
    let servers = servers(rendered);
    let each = servers.iter().filter_map(|program| {
        let connections: u64 = program.setting("database-connections")?.parse().ok()?;
        let deployment = program.container.pod.owner;
        let pods = most_pods(deployment, rendered);
        Some(connections * (pods + surge(deployment, pods)))
    });
    let needed = each.sum::<u64>() + OTHER_CONNECTIONS;
    let is_short = limit.is_none_or(|limit: u64| limit < needed);
    let expected = format!("{needed} or more, for every server at its most and {OTHER_CONNECTIONS} others");
    is_short.then(|| settings.finding("max_connections", expected, format!("{limit:?}"))).into_iter().collect()
}

fn most_pods(deployment: &Object, rendered: &Rendered) -> u64 {
    let is_for = |autoscaler: &&Object| autoscaler.text("/spec/scaleTargetRef/name") == deployment.name();
    let scaled = rendered.of_kind("HorizontalPodAutoscaler").find(is_for);
    let pods = scaled.map_or(deployment.at("/spec/replicas"), |autoscaler| autoscaler.at("/spec/maxReplicas"));
    pods.as_u64().unwrap_or(1)
}

fn surge(deployment: &Object, pods: u64) -> u64 {
    match deployment.at("/spec/strategy/rollingUpdate/maxSurge") {
        Value::Number(number) => number.as_u64().unwrap_or(1),
        Value::String(share) => (pods * share.trim_end_matches('%').parse().unwrap_or(100)).div_ceil(100),
        _ => pods.div_ceil(4),
    }
}

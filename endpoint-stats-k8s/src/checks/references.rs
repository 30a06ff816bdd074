//! References from object to object: what is named is there.

use serde_json::Value;

use crate::{Container, Finding, Object, Pod, Rendered, has_key};

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let pods = rendered.pods().flat_map(|pod| [of_pod(&pod, rendered), of_environment(&pod, rendered)].concat());
    let sets = rendered.of_kind("StatefulSet").filter_map(|set| governing(set, rendered));
    let autoscalers = rendered.of_kind("HorizontalPodAutoscaler").filter_map(|autoscaler| target(autoscaler, rendered));
    let ingresses = rendered.of_kind("Ingress").flat_map(|ingress| of_ingress(ingress, rendered));
    let routes = rendered.of_kind("HTTPRoute").flat_map(|route| of_route(route, rendered));
    let bindings = rendered.of_kind("RoleBinding").filter_map(|binding| role(binding, rendered));
    let external = rendered.of_kind("ExternalSecret").filter_map(of_external);
    pods.chain(sets).chain(autoscalers).chain(ingresses).chain(routes).chain(bindings).chain(external).collect()
}

fn of_pod(pod: &Pod<'_>, rendered: &Rendered) -> Vec<Finding> {
    let account = pod.at("/serviceAccountName").as_str().unwrap_or_default();
    let lost = rendered.find("ServiceAccount", account).is_none();
    let account = lost.then(|| pod.finding("serviceAccountName", one_of(rendered, "ServiceAccount"), account));
    let volumes = pod.at("/volumes").as_array().map_or(&[][..], Vec::as_slice);
    account.into_iter().chain(volumes.iter().flat_map(|volume| of_volume(pod, volume, rendered))).collect()
}

fn of_volume(pod: &Pod<'_>, volume: &Value, rendered: &Rendered) -> Vec<Finding> {
    let projected = volume["projected"]["sources"].as_array().map_or(&[][..], Vec::as_slice);
    let field = format!("volumes[{}]", volume["name"].as_str().unwrap_or_default());
    let mut findings: Vec<_> = std::iter::once(volume)
        .chain(projected)
        .flat_map(|source| {
            let secret = &source["secret"];
            let name = secret["secretName"].as_str().or(secret["name"].as_str());
            let of_secret = name.into_iter().flat_map(|name| keys_of_secret(pod, &field, name, secret));
            let settings = &source["configMap"];
            let of_settings = settings["name"]
                .as_str()
                .into_iter()
                .flat_map(|name| keys_of_settings(pod, &field, name, settings, rendered));
            of_secret.chain(of_settings).collect::<Vec<_>>()
        })
        .collect();
    let claim = volume["persistentVolumeClaim"]["claimName"].as_str();
    let claim = claim.filter(|claim| rendered.find("PersistentVolumeClaim", claim).is_none());
    findings.extend(claim.map(|claim| pod.finding(&field, one_of(rendered, "PersistentVolumeClaim"), claim)));
    findings
}

fn items(source: &Value) -> impl Iterator<Item = &str> {
    source["items"].as_array().into_iter().flatten().filter_map(|item| item["key"].as_str())
}

fn keys_of_secret(pod: &Pod<'_>, field: &str, name: &str, source: &Value) -> Vec<Finding> {
    let known: Vec<_> = crate::SECRETS.iter().map(|(name, _)| *name).collect();
    if !known.contains(&name) {
        return vec![pod.finding(
            field,
            format!("a Secret of scripts/deployment/secrets.sh: {}", known.join(", ")),
            name,
        )];
    }
    let lost = items(source).filter(|key| !has_key(name, key));
    lost.map(|key| pod.finding(field, format!("a key of the Secret {name}"), key)).collect()
}

fn keys_of_settings(pod: &Pod<'_>, field: &str, name: &str, source: &Value, rendered: &Rendered) -> Vec<Finding> {
    let Some(settings) = rendered.find("ConfigMap", name) else {
        return vec![pod.finding(field, one_of(rendered, "ConfigMap"), name)];
    };
    let lost = items(source).filter(|key| settings.at("/data")[*key].is_null());
    lost.map(|key| pod.finding(field, format!("a key of the ConfigMap {name}"), key)).collect()
}

/// Secrets are files here, so a variable takes nothing from one.
fn of_environment(pod: &Pod<'_>, rendered: &Rendered) -> Vec<Finding> {
    pod.containers().iter().flat_map(|container| of_variables(container, rendered)).collect()
}

fn of_variables(container: &Container<'_>, rendered: &Rendered) -> Vec<Finding> {
    let variables = container.list("/env");
    let secrets = variables.iter().filter(|variable| !variable["valueFrom"]["secretKeyRef"].is_null());
    let secrets = secrets.map(|variable| container.finding("env", "secrets as files", &variable["name"]));
    let sources = variables.iter().map(|variable| &variable["valueFrom"]["configMapKeyRef"]);
    let lost = sources.filter(|source| source.is_object()).filter(|source| {
        let settings = rendered.find("ConfigMap", source["name"].as_str().unwrap_or_default());
        settings.is_none_or(|settings| settings.at("/data")[source["key"].as_str().unwrap_or_default()].is_null())
    });
    let lost = lost.map(|source| container.finding("env", "a key of a ConfigMap", source));
    let whole = container.list("/envFrom").iter();
    let whole = whole.map(|source| container.finding("envFrom", "variables by name", source));
    secrets.chain(lost).chain(whole).collect()
}

fn governing(set: &Object, rendered: &Rendered) -> Option<Finding> {
    let service = rendered.find("Service", set.text("/spec/serviceName"));
    let is_headless = service.is_some_and(|service| service.text("/spec/clusterIP") == "None");
    (!is_headless).then(|| set.finding("spec.serviceName", "a Service without an address", set.at("/spec/serviceName")))
}

fn target(autoscaler: &Object, rendered: &Rendered) -> Option<Finding> {
    let (kind, name) = (autoscaler.text("/spec/scaleTargetRef/kind"), autoscaler.text("/spec/scaleTargetRef/name"));
    let expected = format!("one of {kind} {}", rendered.names(kind));
    rendered.find(kind, name).is_none().then(|| autoscaler.finding("spec.scaleTargetRef", expected, name))
}

fn of_ingress(ingress: &Object, rendered: &Rendered) -> Vec<Finding> {
    let paths = ingress.list("/spec/rules").iter().filter_map(|rule| rule["http"]["paths"].as_array()).flatten();
    let backends = paths.map(|path| &path["backend"]["service"]).filter_map(|backend| {
        let port = [&backend["port"]["name"], &backend["port"]["number"]].into_iter().find(|port| !port.is_null());
        lost_backend(ingress, &backend["name"], port.unwrap_or(&Value::Null), rendered)
    });
    let tls = ingress.list("/spec/tls");
    let none = tls.is_empty().then(|| ingress.finding("spec.tls", "a certificate", "none"));
    let lost = tls.iter().filter(|entry| !entry["secretName"].as_str().is_some_and(|name| has_key(name, "tls.key")));
    let lost = lost.map(|entry| ingress.finding("spec.tls.secretName", "a Secret with tls.key", &entry["secretName"]));
    let hosts = ingress.list("/spec/rules").iter().map(|rule| &rule["host"]);
    let is_covered =
        |host: &Value| tls.iter().any(|entry| entry["hosts"].as_array().is_some_and(|hosts| hosts.contains(host)));
    let plain = hosts.filter(|host| !is_covered(host));
    let plain = plain.map(|host| ingress.finding("spec.tls.hosts", "the hosts of the rules", host));
    backends.chain(none).chain(lost).chain(plain).collect()
}

fn of_route(route: &Object, rendered: &Rendered) -> Vec<Finding> {
    let backends = route.list("/spec/rules").iter().filter_map(|rule| rule["backendRefs"].as_array()).flatten();
    let lost = backends.filter_map(|backend| lost_backend(route, &backend["name"], &backend["port"], rendered));
    let parents = route.list("/spec/parentRefs").iter().filter(|parent| {
        let gateway = parent["name"].as_str().and_then(|name| rendered.find("Gateway", name));
        let sections = gateway.map_or(&[][..], |gateway| gateway.list("/spec/listeners"));
        !sections.iter().any(|listener| parent["sectionName"].is_null() || listener["name"] == parent["sectionName"])
    });
    lost.chain(parents.map(|parent| route.finding("spec.parentRefs", "a listener of a Gateway", parent))).collect()
}

fn lost_backend(object: &Object, name: &Value, port: &Value, rendered: &Rendered) -> Option<Finding> {
    let service = name.as_str().and_then(|name| rendered.find("Service", name));
    let ports = service.map_or(&[][..], |service| service.list("/spec/ports"));
    let is_there = ports.iter().any(|given| given["name"] == *port || given["port"] == *port);
    (!is_there).then(|| object.finding("backend", "a port of a Service", format!("{name} port {port}")))
}

fn role(binding: &Object, rendered: &Rendered) -> Option<Finding> {
    let (kind, name) = (binding.text("/roleRef/kind"), binding.text("/roleRef/name"));
    rendered
        .find(kind, name)
        .is_none()
        .then(|| binding.finding("roleRef", format!("one of {kind} {}", rendered.names(kind)), name))
}

fn of_external(secret: &Object) -> Option<Finding> {
    let name = secret.text("/spec/target/name");
    let is_known = crate::SECRETS.iter().any(|(known, _)| *known == name);
    (!is_known).then(|| secret.finding("spec.target.name", "a Secret that secrets.sh makes", name))
}

fn one_of(rendered: &Rendered, kind: &str) -> String {
    format!("a {kind} that is there: {}", rendered.names(kind))
}

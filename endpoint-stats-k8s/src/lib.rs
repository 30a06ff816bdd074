//! The Kubernetes package of endpoint-stats. It holds no manifests yet; its tests will hold them against the server.

package zeek

// This file says which version of Zeek has which feature. backend.go says it of
// backends and agent protocols.

// hasManagement tells whether Zeek ships the Management framework's scripts.
func hasManagement(v Version) bool { return !v.AtLeast(9, 1) }

// hasBrokerStores tells whether Zeek has Broker's data stores.
func hasBrokerStores(v Version) bool { return !v.AtLeast(9, 1) }

// hasInterfaces tells whether a node's entry in the layout has its interface.
func hasInterfaces(v Version) bool { return !v.AtLeast(7, 1) }

// deprecatesInterfaces tells whether Zeek warns of an interface in the layout. A
// directive in the layout turns the warning off.
func deprecatesInterfaces(v Version) bool { return v.AtLeast(6, 2) && hasInterfaces(v) }

// hasMetricsPorts tells whether every process serves its own metrics.
func hasMetricsPorts(v Version) bool { return v.AtLeast(7, 0) }

// opensMetricsUnasked tells whether the manager serves the cluster's metrics on
// port 9911 unless an option turns that off.
func opensMetricsUnasked(v Version) bool { return v.AtLeast(5, 1) && !v.AtLeast(6, 0) }

// retriesSlowly tells whether nodes wait 30 to 60 seconds between attempts to
// reach each other unless options say otherwise.
func retriesSlowly(v Version) bool { return !v.AtLeast(7, 2) }

// hasZeroMQIPv6 tells whether the ZeroMQ backend can use IPv6.
func hasZeroMQIPv6(v Version) bool { return v.AtLeast(8, 0) }

// hasCurve tells whether the ZeroMQ backend can encrypt.
func hasCurve(v Version) bool { return v.AtLeast(8, 2) }

// hasSocketTLS tells whether a node's WebSocket server can demand certificates. zeekfleet
// uses that from 8.1 on, where nodes speak over a WebSocket by default.
func hasSocketTLS(v Version) bool { return v.AtLeast(8, 1) }

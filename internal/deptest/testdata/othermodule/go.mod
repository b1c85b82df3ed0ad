module example.com/sensors

go 1.26.0

require github.com/zeekfleet/zeekfleet v0.0.0

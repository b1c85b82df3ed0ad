package daemon

var LimitedLog = limitedLog

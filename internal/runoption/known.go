package runoption

// Zeek returns some of the options that every Zeek has, with Zeek's defaults. An embedded
// node has these. It does nothing with their values.
func Zeek() []Option {
	return []Option{
		{"Conn::default_extract", "bool", "F"},
		{"DPD::ignore_violations_after", "count", "10240"},
		{"FTP::default_capture_password", "bool", "F"},
		{"FTP::guest_ids", "set[string]", "anonymous,ftp,ftpuser,guest"},
		{"FileExtract::default_limit", "count", "104857600"},
		{"Files::enable_reassembler", "bool", "T"},
		{"HTTP::default_capture_password", "bool", "F"},
		{"HTTP::proxy_headers", "set[string]", "FORWARDED,X-FORWARDED-FOR,X-FORWARDED-FROM,CLIENT-IP,VIA,XROXY-CONNECTION,PROXY-CONNECTION"},
		{"KRB::ignored_errors", "set[string]", "NEEDED_PREAUTH,Need to use PA-ENC-TIMESTAMP/PA-PK-AS-REQ"},
		{"MQTT::max_payload_size", "count", "100"},
		{"NetControl::default_priority", "int", "0"},
		{"Notice::default_suppression_interval", "interval", "3600"},
		{"Notice::mail_from", "string", "Zeek <zeek@localhost>"},
		{"Notice::mail_page_dest", "string", ""},
		{"Notice::mail_subject_prefix", "string", "[Zeek]"},
		{"Notice::reply_to", "string", ""},
		{"Notice::sendmail", "string", "/usr/sbin/sendmail"},
		{"SMTP::mail_transaction_validation", "bool", "T"},
		{"SSL::disable_analyzer_after_detection", "bool", "T"},
		{"Signatures::ignored_ids", "pattern", "/NO_DEFAULT_MATCHES/"},
		{"Signatures::summary_interval", "interval", "86400"},
		{"Site::local_nets", "set[subnet]", ""},
		{"Site::local_zones", "set[string]", ""},
		{"Site::neighbor_nets", "set[subnet]", ""},
		{"Site::neighbor_zones", "set[string]", ""},
		{"Weird::sampling_duration", "interval", "600"},
		{"Weird::sampling_rate", "count", "1000"},
		{"Weird::sampling_threshold", "count", "25"},
		{"Weird::sampling_whitelist", "set[string]", ""},
		{"default_file_timeout_interval", "interval", "120"},
		{"ignore_checksums_nets", "set[subnet]", ""},
		{"udp_content_ports", "set[port]", ""},
	}
}

// ZeekConstants returns some of Zeek's constants that sites often change with redef.
func ZeekConstants() []string {
	return []string{
		"Log::default_rotation_interval", "Log::default_writer", "LogAscii::use_json", "Notice::mail_dest",
		"Site::private_address_space_is_local", "bits_per_uid", "ignore_checksums",
	}
}

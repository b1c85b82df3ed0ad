package settings

// maxBundlesMegabytes and maxBundleMegabytes bound what bundles can be allowed to take.
const (
	maxBundlesMegabytes = 1 << 20
	maxBundleMegabytes  = 4096
)

// bundlesTable lists the settings of a controller's store of bundles.
func bundlesTable() []setting[Controller] {
	return []setting[Controller]{
		{key: "controller.bundles_megabytes", flag: "bundles-megabytes", env: "ZEEKFLEET_BUNDLES_MEGABYTES", initial: "20480",
			doc:   "how many MiB of disk the contents of all bundles take at most; a push beyond is refused",
			field: func(c *Controller) value { return countAt(&c.BundlesMegabytes, 1, maxBundlesMegabytes) }},
		{key: "controller.bundle_megabytes", flag: "bundle-megabytes", env: "ZEEKFLEET_BUNDLE_MEGABYTES", initial: "512",
			doc:   "how many MiB the content of one bundle has at most",
			field: func(c *Controller) value { return countAt(&c.BundleMegabytes, 1, maxBundleMegabytes) }},
	}
}

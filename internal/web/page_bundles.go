package web

import (
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerBundlePages adds the pages of the bundles.
func registerBundlePages(a *routes) {
	s, look := pages{a.s}, access.ListBundles
	a.page(page{pattern: "GET " + ui.PathBundles, may: look, section: ui.PathDeployments}, s.bundles)
	a.page(page{pattern: "GET " + ui.PathBundles + "/{hash}", may: look, section: ui.PathDeployments}, s.bundle)
}

// bundles lists the bundles that were pushed last.
func (s pages) bundles(v *visit) (shown, error) {
	if s.cfg.Bundles == nil {
		return show(ui.BundlesPage(nil))
	}
	list, err := bundles(s).list(v.Context(), &PageInput{Limit: maxNodes})
	if err != nil {
		return shown{}, err
	}
	return show(ui.BundlesPage(list.Body.Items))
}

func (s pages) bundle(v *visit) (shown, error) {
	done, err := bundles(s).enterManifest(v.who, v.PathValue("hash"), v.w)
	if err != nil {
		return shown{}, err
	}
	v.written = done
	found, err := bundles(s).get(v.Context(), &bundleInput{v.PathValue("hash")})
	if err != nil {
		return shown{}, err
	}
	return show(ui.BundlePage(found.Body))
}

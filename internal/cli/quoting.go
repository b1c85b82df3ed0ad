package cli

import "github.com/zeekfleet/zeekfleet/internal/ini"

// Messages quote, clip and suggest as those about files do.

func quote(text string) string { return ini.Quote(text) }

func clip(text string) string { return ini.Clip(text) }

func didYouMean[S ~string](nearest S) string { return ini.DidYouMean(nearest) }

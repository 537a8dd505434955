"""`picegate bench headline | sweep | ablations | trial | calibrate | profiles`: one file per command."""

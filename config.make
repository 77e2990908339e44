cat << END >> $NGX_MAKEFILE

modules:	caphealth_helpers

caphealth_helpers:
	\$(MAKE) -C $ngx_addon_dir helpers CC="\$(CC)" \\
		BUILD=\`cd $NGX_OBJS && pwd\`

.PHONY:	caphealth_helpers

END

# the flags of --with-cc-opt and --with-ld-opt are for the programs too

cat << END >> $NGX_MAKEFILE

$NGX_OBJS/addon/page/caphealth_assets.c: \\
	$ngx_addon_dir/util/embed `echo $ngx_addon_dir/src/page/*`
	mkdir -p $NGX_OBJS/addon/page
	sh $ngx_addon_dir/util/embed \$@ $ngx_addon_dir/src/page

modules:	caphealth_helpers

caphealth_helpers:
	\$(MAKE) -C $ngx_addon_dir helpers CC="\$(CC)" \\
		CPPFLAGS= CFLAGS="-O2 -g $NGX_CC_OPT" LDFLAGS="$NGX_LD_OPT" \\
		WITH_HEIF="${WITH_HEIF:-yes}" \\
		BUILD=\`cd $NGX_OBJS && pwd\`

.PHONY:	caphealth_helpers

END

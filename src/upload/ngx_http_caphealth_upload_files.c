
/*
 * The file operations of uploads and deletions, which block and so run in
 * nginx's thread pool.  Meanwhile the event loop does not change what they
 * use.
 */

#include "ngx_http_caphealth_upload.h"


static ngx_int_t ngx_http_caphealth_upload_parse(
    ngx_http_caphealth_upload_t *u);
static ngx_int_t ngx_http_caphealth_upload_granted(
    ngx_http_caphealth_upload_t *u);
static ssize_t ngx_http_caphealth_upload_read_body(void *ctx, void *buf,
    size_t size, uint64_t offset);
static ngx_int_t ngx_http_caphealth_upload_field(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image,
    ngx_http_caphealth_field_e which, size_t max, char **text);
static ngx_int_t ngx_http_caphealth_upload_detect_format(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_upload_open_input(
    ngx_http_caphealth_upload_t *u);
static ngx_int_t ngx_http_caphealth_upload_focus(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_upload_publish_image(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_upload_remove_leftover(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_upload_check_files(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static void ngx_http_caphealth_upload_remove_image(
    ngx_http_caphealth_upload_t *u);
static ngx_int_t ngx_http_caphealth_upload_copy_source(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
static ngx_int_t ngx_http_caphealth_upload_open_outputs(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);


static const char  *ngx_http_caphealth_field_names[] = { "alt", "focus" };


void
ngx_http_caphealth_upload_prepare(void *data, ngx_log_t *log)
{
    ngx_uint_t                    i;
    ngx_http_caphealth_upload_t  *u = data;

    if (ngx_http_caphealth_upload_parse(u) != NGX_OK) {
        return;
    }

    for (i = 0; i < u->nimages; i++) {
        caphealth_image_init(&u->images[i].files);
        u->images[i].part = u->parts[i];
    }

    if (ngx_http_caphealth_upload_granted(u) != NGX_OK) {
        return;
    }

    for (i = 0; i < u->nimages; i++) {
        if (ngx_http_caphealth_upload_detect_format(u, &u->images[i])
            != NGX_OK
            || ngx_http_caphealth_upload_field(u, &u->images[i],
                                               NGX_HTTP_CAPHEALTH_FIELD_ALT,
                                               NGX_HTTP_CAPHEALTH_ALT_LEN,
                                               &u->images[i].alt)
               != NGX_OK
            || ngx_http_caphealth_upload_focus(u, &u->images[i]) != NGX_OK)
        {
            return;
        }
    }

    if (ngx_http_caphealth_upload_ids(u) != NGX_OK) {
        return;
    }

    ngx_http_caphealth_upload_claim(u, log);
}


void
ngx_http_caphealth_upload_open(void *data, ngx_log_t *log)
{
    ngx_uint_t                    i;
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u = data;

    if (u->input == NGX_INVALID_FILE
        && ngx_http_caphealth_upload_open_input(u) != NGX_OK)
    {
        return;
    }

    for (i = 0; i < u->opened; i++) {
        image = &u->images[i];

        if (!image->release_fds) {
            continue;
        }

        if (ngx_http_caphealth_upload_check_files(u, image) != NGX_OK) {
            return;
        }

        if (caphealth_image_release_fds(&image->files) == -1) {
            ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                                  image->files.failed);
            return;
        }

        image->release_fds = 0;
    }

    for (i = u->opened; i < u->open_until; i++) {
        if (!u->images[i].skip
            && ngx_http_caphealth_upload_open_outputs(u, &u->images[i])
               != NGX_OK)
        {
            return;
        }
    }
}


static ngx_int_t
ngx_http_caphealth_upload_parse(ngx_http_caphealth_upload_t *u)
{
    ngx_uint_t                     i;
    caphealth_form_t               form;
    caphealth_multipart_result_e   rc;

    if (u->boundary[0] == '\0') {
        u->parts[0].offset = 0;
        u->parts[0].length = u->size;
        u->parts[0].filename[0] = '\0';
        u->nimages = 1;

        return NGX_OK;
    }

    form.parts = u->parts;
    form.max = (unsigned) u->main_conf->images.max_files;
    form.fields = u->fields;
    form.nfields = NGX_HTTP_CAPHEALTH_FIELDS;

    for (i = 0; i < NGX_HTTP_CAPHEALTH_FIELDS; i++) {
        form.fields[i].name = ngx_http_caphealth_field_names[i];
    }

    rc = caphealth_multipart_parse(u->boundary,
                                   ngx_http_caphealth_upload_read_body, u,
                                   u->size, &form);
    switch (rc) {

    case CAPHEALTH_MULTIPART_OK:
        if (form.n == 0) {
            ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_NO_IMAGE,
                                             NULL,
                                             "The form has no file in it: a "
                                             "file's part needs a filename in "
                                             "its Content-Disposition.");
            return NGX_ERROR;
        }

        u->nimages = form.n;
        return NGX_OK;

    case CAPHEALTH_MULTIPART_TOO_MANY:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_TOO_MANY, NULL,
                                         "One request may carry %i files; send "
                                         "the others in requests of their own.",
                                         u->main_conf->images.max_files);
        return NGX_ERROR;

    case CAPHEALTH_MULTIPART_ERROR:
        ngx_http_caphealth_upload_call_failed(u, ngx_errno, "read() of a body");
        return NGX_ERROR;

    default: /* CAPHEALTH_MULTIPART_INVALID */
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_MALFORMED, NULL,
                                         "%s", form.reason);
        return NGX_ERROR;
    }
}


/* whether the token is for so many images, and the owner may have them */

static ngx_int_t
ngx_http_caphealth_upload_granted(ngx_http_caphealth_upload_t *u)
{
    if (u->token.files == -1 || u->nimages <= (ngx_uint_t) u->token.files) {
        return NGX_OK;
    }

    ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_TOO_MANY, NULL,
                                     "The request has %ui images, and the "
                                     "token is for at most %L. Send fewer, or "
                                     "ask for another one.",
                                     u->nimages, u->token.files);
    return NGX_ERROR;
}


static ssize_t
ngx_http_caphealth_upload_read_body(void *ctx, void *buf, size_t size,
    uint64_t offset)
{
    ngx_http_caphealth_upload_t *u = ctx;

    return pread(u->body, buf, size, (off_t) offset);
}


/*
 * The value of a text field for this image, in the upload's pool; NULL: none,
 * or an empty one, was sent.
 */

static ngx_int_t
ngx_http_caphealth_upload_field(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, ngx_http_caphealth_field_e which,
    size_t max, char **text)
{
    int                 i;
    size_t              len;
    caphealth_field_t  *field;

    *text = NULL;

    if (u->boundary[0] == '\0') {
        return NGX_OK;
    }

    field = &u->fields[which];

    i = caphealth_field_index(field, (unsigned) (image - u->images),
                              (unsigned) u->nimages);

    if (i == -2) {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_INVALID_FIELD,
                                         NULL,
                                         "The field \"%s\" is sent %ui times "
                                         "for %ui files. Send it once, for all "
                                         "of them, or once for each.",
                                         field->name, (ngx_uint_t) field->n,
                                         u->nimages);
        return NGX_ERROR;
    }

    if (i == -1 || field->values[i].length == 0) {
        return NGX_OK;
    }

    len = ngx_min(field->values[i].length, max) + 1;

    *text = ngx_pnalloc(u->pool, len);
    if (*text == NULL) {
        ngx_http_caphealth_upload_call_failed(u, NGX_ENOMEM, "malloc()");
        return NGX_ERROR;
    }

    if (caphealth_field_read(field, (unsigned) i,
                             ngx_http_caphealth_upload_read_body, u, *text,
                             len)
        == 0)
    {
        return NGX_OK;
    }

    switch (ngx_errno) {

    case EMSGSIZE:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_INVALID_FIELD,
                                         image,
                                         "The field \"%s\" has %uL bytes; the "
                                         "most are %uz.", field->name,
                                         field->values[i].length, max);
        break;

    case EILSEQ:
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_INVALID_FIELD,
                                         image,
                                         "The field \"%s\" is not UTF-8, or "
                                         "has a NUL in it.", field->name);
        break;

    default:
        ngx_http_caphealth_upload_call_failed(u, ngx_errno, "read() of a body");
        break;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_upload_focus(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    char  *text;

    image->job.spec.focus_x = u->focus_x;
    image->job.spec.focus_y = u->focus_y;

    if (ngx_http_caphealth_upload_field(u, image,
                                        NGX_HTTP_CAPHEALTH_FIELD_FOCUS,
                                        NGX_HTTP_CAPHEALTH_FOCUS_LEN, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (text == NULL
        || caphealth_job_focus(&image->job.spec, text, ngx_strlen(text)) == 0)
    {
        return NGX_OK;
    }

    ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_INVALID_FIELD, image,
                                     "The field \"focus\" must be two numbers "
                                     "from 0 to 1, as in 0.5,0.25: how far "
                                     "from the left, and from the top.");
    return NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_upload_detect_format(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    char         formats[CAPHEALTH_FORMAT_LIST];
    u_char       head[CAPHEALTH_FORMAT_BYTES];
    ssize_t      n;
    const char  *guess;

    n = ngx_min(image->part.length, (uint64_t) sizeof(head));

    if (n && pread(u->body, head, n, (off_t) image->part.offset) != n) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno, "read() of a body");
        return NGX_ERROR;
    }

    /*
     * a converter maps the whole file, into an address space that is limited
     */

    if (image->part.length > u->main_conf->images.converter.memory / 2) {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_TOO_LARGE,
                                         image,
                                         NGX_HTTP_CAPHEALTH_TOO_LONG,
                                         image->part.length,
                                         u->main_conf->images.converter.memory
                                         / 2);
        return NGX_ERROR;
    }

    image->format = caphealth_format(head, n);

    if (image->format != CAPHEALTH_FORMAT_UNKNOWN) {
        return NGX_OK;
    }

    if (n == 0) {
        ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNSUPPORTED,
                                         image, "The file is empty.");
        return NGX_ERROR;
    }

    guess = caphealth_format_guess(head, n);

    ngx_http_caphealth_upload_refuse(u, CAPHEALTH_OUTCOME_UNSUPPORTED, image,
                                     guess ? "By its bytes this is %s. Send %s."
                                           : "Its bytes are not those of an "
                                             "image that is known here%s. Send "
                                             "%s.",
                                     guess ? guess : "",
                                     caphealth_format_list(formats, " or "));
    return NGX_ERROR;
}


/* opened again, because the body's own descriptor is writable */

static ngx_int_t
ngx_http_caphealth_upload_open_input(ngx_http_caphealth_upload_t *u)
{
    u_char  path[sizeof("/proc/self/fd/") + NGX_INT_T_LEN];

    (void) ngx_sprintf(path, "/proc/self/fd/%d%Z", u->body);

    u->input = open((char *) path, O_RDONLY|O_CLOEXEC);

    if (u->input == NGX_INVALID_FILE) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              "open() of a body in /proc");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_upload_open_outputs(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    int                    rc;
    unsigned               i;
    caphealth_variants_t  *variants;

    variants = u->conf->variants;

    for (i = 0; i < variants->n; i++) {
        caphealth_image_add(&image->files, variants->names[i]);
    }

    rc = u->conf->store
         ? caphealth_image_open_spool(&image->files,
                               (char *) u->main_conf->images.shipper.spool.data)
         : caphealth_image_open(&image->files, (char *) u->conf->root.data);

    if (rc == -1) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              image->files.failed);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* checks the files that the converter has written */

static ngx_int_t
ngx_http_caphealth_upload_check_files(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    unsigned  i;

    if (image->checked) {
        return NGX_OK;
    }

    for (i = 0; i < image->files.nvariants; i++) {
        if (caphealth_image_check(&image->files, i,
                                  &image->job.result.outputs[i])
            == 0)
        {
            continue;
        }

        if (ngx_errno == EINVAL) {
            ngx_http_caphealth_upload_bad_output(u, image, image->files.failed);

        } else {
            ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                                  image->files.failed);
        }

        return NGX_ERROR;
    }

    image->checked = 1;

    return NGX_OK;
}


/*
 * What has this id, and no record, is of an upload that died; the id is
 * claimed, so it is nobody else's.
 */

static ngx_int_t
ngx_http_caphealth_upload_remove_leftover(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    caphealth_image_source_t  source;

    ngx_memzero(&source, sizeof(caphealth_image_source_t));

    if (u->conf->source.len
        && caphealth_image_source_hide(&source, (char *) u->conf->source.data,
                                       image->files.id)
           == -1
        && ngx_errno != NGX_ENOENT)
    {
        ngx_http_caphealth_upload_source_failed(u, ngx_errno, source.failed);
        return NGX_ERROR;
    }

    if (caphealth_image_remove((char *) u->conf->root.data, image->files.id,
                               u->conf->variants->names[0], &image->removed)
        == -1
        && ngx_errno != NGX_ENOENT)
    {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              "removal of leftovers");
        return NGX_ERROR;
    }

    image->replaces = image->removed.files || source.hidden[0];

    if (caphealth_image_source_remove(&source) == -1) {
        ngx_http_caphealth_upload_source_failed(u, ngx_errno, source.failed);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_caphealth_upload_check(void *data, ngx_log_t *log)
{
    ngx_uint_t                    n;
    ngx_http_caphealth_upload_t  *u = data;

    for (n = 0; n < u->nimages; n++) {

        if (u->images[n].skip) {
            continue;
        }

        if (ngx_http_caphealth_upload_check_files(u, &u->images[n]) != NGX_OK) {
            return;
        }

        /* in a store the record is put first: it claims the id */

        if (u->conf->store && u->named
            && ngx_http_caphealth_upload_record(u, &u->images[n]) != NGX_OK)
        {
            return;
        }
    }
}


/* if it fails, _close removes what has been published before */

void
ngx_http_caphealth_upload_publish(void *data, ngx_log_t *log)
{
    ngx_int_t                     rc;
    ngx_uint_t                    n;
    ngx_http_caphealth_upload_t  *u = data;

    ngx_http_caphealth_upload_check(u, log);

    if (u->outcome) {
        return;
    }

    rc = ngx_http_caphealth_upload_owner_begin(u);

    u->busy = (rc == NGX_AGAIN);

    if (rc != NGX_OK) {
        return;
    }

    for (n = 0; n < u->nimages; n++) {
        if (!u->images[n].skip
            && ngx_http_caphealth_upload_publish_image(u, &u->images[n])
               != NGX_OK)
        {
            ngx_http_caphealth_upload_owner_end(u, 0);
            return;
        }
    }

    ngx_http_caphealth_upload_owner_end(u, 1);
}


static ngx_int_t
ngx_http_caphealth_upload_publish_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    if (u->named
        && ngx_http_caphealth_upload_remove_leftover(u, image) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (u->conf->source.len
        && ngx_http_caphealth_upload_copy_source(u, image) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (caphealth_image_publish(&image->files) == -1) {
        ngx_http_caphealth_upload_call_failed(u, ngx_errno,
                                              image->files.failed);
        return NGX_ERROR;
    }

    image->published = 1;

    if (u->conf->source.len
        && caphealth_image_source_name(&image->source) == -1)
    {
        ngx_http_caphealth_upload_source_failed(u, ngx_errno,
                                                image->source.failed);
        return NGX_ERROR;
    }

    return ngx_http_caphealth_upload_record(u, image);
}


static ngx_int_t
ngx_http_caphealth_upload_copy_source(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image)
{
    char                    focus[CAPHEALTH_FOCUS_TEXT];
    const caphealth_job_t  *spec;

    spec = &image->job.spec;
    caphealth_job_focus_text(spec, focus);

    if (caphealth_image_source_copy(&image->source,
                                    (char *) u->conf->source.data,
                                    image->files.id, image->format,
                                    spec->focus_x || spec->focus_y ? focus
                                                                   : NULL,
                                    u->body, image->part.offset,
                                    image->part.length)
        == -1)
    {
        ngx_http_caphealth_upload_source_failed(u, ngx_errno,
                                                image->source.failed);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_caphealth_upload_close(void *data, ngx_log_t *log)
{
    ngx_uint_t                    n;
    ngx_http_caphealth_image_t   *image;
    ngx_http_caphealth_upload_t  *u = data;

    u->busy = !u->stored
              && ngx_http_caphealth_upload_owner_withdraw(u) == NGX_AGAIN;

    if (u->busy) {
        return;
    }

    for (n = 0; n < u->nimages; n++) {
        image = &u->images[n];

        if (image->published && !u->stored) {
            caphealth_record_withdraw(&image->record);
            caphealth_image_withdraw(&image->files);
        }

        caphealth_image_close(&image->files);

        if (image->record_bytes) {
            (void) close(image->record_fd);
        }

        if (!u->stored) {
            (void) caphealth_image_source_remove(&image->source);
        }
    }

    ngx_http_caphealth_upload_release(u);

    if (u->input != NGX_INVALID_FILE) {
        (void) close(u->input);
        u->input = NGX_INVALID_FILE;
    }

    (void) close(u->body);
    u->body = NGX_INVALID_FILE;
}


/*
 * The id is claimed, so that no upload that follows from the same key or bytes
 * stores the image at the same time.
 */

void
ngx_http_caphealth_upload_remove(void *data, ngx_log_t *log)
{
    ngx_int_t                     rc;
    caphealth_image_record_t     *record;
    ngx_http_caphealth_upload_t  *u = data;

    record = &u->images->record;

    caphealth_record_init_id(record, (char *) u->conf->root.data,
                             u->images->files.id);

    switch (caphealth_record_take(record)) {

    case CAPHEALTH_CLAIM_BUSY:
        rc = NGX_AGAIN;
        break;

    case CAPHEALTH_CLAIM_ERROR:

        /* without a directory for it there may be its source */

        rc = ngx_errno == NGX_ENOENT ? NGX_OK : NGX_ERROR;
        break;

    default: /* CAPHEALTH_CLAIM_TAKEN */
        rc = NGX_OK;
        break;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_caphealth_upload_owner_lock(u);
    }

    u->busy = (rc == NGX_AGAIN);

    if (rc == NGX_OK) {
        ngx_http_caphealth_upload_remove_image(u);

    } else if (rc == NGX_ERROR) {
        u->err = ngx_errno;
    }

    caphealth_record_release(record);
}


/*
 * The source is hidden while the mark is removed: if this process dies, a scan
 * finds whether there is an image to which it belongs.
 */

static void
ngx_http_caphealth_upload_remove_image(ngx_http_caphealth_upload_t *u)
{
    ngx_str_t                   *root;
    ngx_uint_t                   gone;
    ngx_http_caphealth_image_t  *image;

    image = u->images;
    root = u->conf->tree->source ? &u->conf->tree->source->path : NULL;

    if (root
        && caphealth_image_source_hide(&image->source, (char *) root->data,
                                       image->files.id)
           == -1
        && ngx_errno != NGX_ENOENT)
    {
        ngx_http_caphealth_upload_source_failed(u, ngx_errno,
                                                image->source.failed);
        ngx_http_caphealth_upload_owner_removed(u);
        return;
    }

    if (caphealth_image_remove((char *) u->conf->root.data, image->files.id,
                               u->conf->variants->names[0], &image->removed)
        == -1)
    {
        u->err = ngx_errno;
    }

    ngx_http_caphealth_upload_owner_removed(u);

    if (image->source.hidden[0] == '\0') {
        return;
    }

    gone = u->err == 0 || u->err == NGX_ENOENT || image->removed.marked;

    if ((gone ? caphealth_image_source_remove(&image->source)
              : caphealth_image_source_name(&image->source))
        == -1)
    {
        ngx_http_caphealth_upload_source_failed(u, ngx_errno,
                                                image->source.failed);
        return;
    }

    if (gone) {
        image->removed_source.files = 1;
        image->removed_source.bytes = image->source.bytes;
    }

    /* an image of which only the source was left */

    if (u->err == NGX_ENOENT) {
        u->err = 0;
    }
}

// Before the first paint: the colours that were chosen, and which view.
// Not a module, because those run later.

(() => {
    const root = document.documentElement;

    root.classList.add('js');
    root.dataset.view = location.hash === '#images' ? 'images'
                                                    : 'capacity-monitor';

    // nothing moves without the other scripts: what is seen grows old

    setTimeout(() => {
        document.getElementById('frozen').hidden = 'alive' in root.dataset;
    }, 10000);

    try {
        const theme = localStorage.getItem('caphealth-theme');

        if (theme === 'light' || theme === 'dark') {
            root.dataset.theme = theme;
        }

    } catch {
        // no storage: as the system
    }
})();

// Moves the bar of a run that a worker carries out. Without this the page is loaded anew instead.
'use strict';

const SECOND = 1000;
const RELOADED = 'django_sqlite_backup.reloaded:';

async function follow(element) {
    const bar = element.querySelector('progress');
    const text = element.querySelector('p');
    const address = element.dataset.backupProgress;
    try {
        // A redirect leads to the page for logging in: the session has ended.
        const response = await fetch(address, {credentials: 'same-origin', redirect: 'manual'});
        if (isProgress(response)) {
            const progress = await response.json();
            sessionStorage.removeItem(RELOADED + address);
            if (progress.over) {
                window.location.reload();
                return;
            }
            bar.max = progress.total || 1;
            bar.value = progress.completed;
            text.textContent = progress.text;
        } else if (response.status < 500) {
            reloadOnce(address);
            return;
        }
    } catch {
        // The server or the network is away for a moment: asked again.
    }
    setTimeout(follow, SECOND, element);
}

function isProgress(response) {
    const type = response.headers.get('Content-Type') || '';
    return response.ok && type.startsWith('application/json');
}

// Shows what the server says now. Not again before there was a progress: it may say the same.
function reloadOnce(address) {
    if (sessionStorage.getItem(RELOADED + address) === null) {
        sessionStorage.setItem(RELOADED + address, '');
        window.location.reload();
    }
}

document.addEventListener('DOMContentLoaded', () => {
    document.querySelectorAll('[data-backup-progress]').forEach(follow);
});

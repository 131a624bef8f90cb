"""Tests the page of `mlp serve` in Chromium: draws digits with mouse, finger, pen and keyboard.

usage: draw.py ADDRESS SCREENSHOTS

ADDRESS is the page of an MNIST model. Screenshots go to the directory SCREENSHOTS. Needs Chromium,
ChromeDriver and selenium. Exits with code 1 at the first failure."""
import base64
import json
import os
import shutil
import sys
import tempfile
import urllib.request

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

address, screenshots = sys.argv[1:]
os.makedirs(screenshots, exist_ok=True)

# The strokes of each digit: corners of polylines, in percent of the canvas.
DIGITS = {
    '0': [[(50, 20), (34, 27), (28, 50), (34, 73), (50, 80), (66, 73), (72, 50), (66, 27), (50, 20)]],
    '1': [[(52, 20), (51, 50), (50, 80)]],
    '2': [[(32, 34), (38, 23), (52, 19), (65, 26), (66, 40), (54, 56), (32, 78), (50, 77), (70, 78)]],
    '3': [[(33, 24), (50, 19), (64, 27), (62, 41), (47, 48), (63, 54), (67, 67), (55, 80), (33, 77)]],
    '4': [[(40, 20), (34, 38), (32, 54), (50, 55), (70, 53)], [(64, 24), (62, 50), (60, 82)]],
    '5': [[(66, 21), (40, 21), (37, 46), (52, 44), (65, 53), (65, 69), (52, 80), (33, 76)]],
    '6': [[(58, 18), (43, 33), (35, 53), (37, 72), (50, 80), (62, 73), (62, 59), (50, 53), (37, 61)]],
    '7': [[(30, 24), (50, 23), (70, 22), (60, 42), (52, 60), (46, 80)]],
    '8': [[(62, 27), (48, 20), (36, 29), (42, 42), (58, 55), (64, 69), (51, 80), (37, 71), (42, 56), (58, 42), (63, 28)]],
    '9': [[(64, 36), (54, 47), (39, 44), (35, 31), (46, 20), (60, 23), (65, 36), (63, 58), (58, 80)]],
}
MIN_CORRECT = 9

options = webdriver.ChromeOptions()
for flag in ('headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking',
             'disable-component-update', 'disable-sync', 'window-size=1200,1000'):
    options.add_argument(f'--{flag}')
profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
options.add_argument(f"--user-data-dir={profile.name}")
options.binary_location = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))))
options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which('chromedriver')))
wait = WebDriverWait(driver, 30, poll_frequency=0.02)


def expect(holds, what):
    if not holds:
        driver.save_screenshot(os.path.join(screenshots, 'failure.png'))
        sys.exit(f'error: {what}')


def until(holds, what):
    """Waits until `holds` returns true."""
    try:
        return wait.until(lambda _: holds())
    except Exception as error:
        expect(False, f'{what}: {error!r}')


by_id = lambda name: driver.find_element(By.ID, name)
by_tag = lambda name: driver.find_element(By.TAG_NAME, name)
js = driver.execute_script
spoken = lambda: js('return document.getElementById("spoken").textContent')
prediction = lambda: js('return document.getElementById("name").textContent')
seen = lambda: js('''const seen = document.getElementById("seen");
                     const data = seen.getContext("2d").getImageData(0, 0, seen.width, seen.height).data;
                     return Array.from({length: seen.width * seen.height}, (_, i) => data[4 * i + 3] ? data[4 * i] : 0)''')
inked = lambda: js('''const sheet = document.getElementById("sheet");
                      return sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height).data.filter((v, i) => i % 4 === 3 && v > 0).length''')


def photograph():
    """The canvas on a white background, as a PNG file."""
    address = js('''const [sheet, paper] = [document.getElementById("sheet"), document.createElement("canvas")];
                    [paper.width, paper.height] = [sheet.width, sheet.height];
                    const context = paper.getContext("2d");
                    context.fillStyle = "white";
                    context.fillRect(0, 0, paper.width, paper.height);
                    context.drawImage(sheet, 0, 0);
                    return paper.toDataURL("image/png")''')
    return base64.b64decode(address.split(',')[1])


def lines(strokes, size):
    """Closely spaced points along the strokes, in pixels from the center of the canvas."""
    for stroke in strokes:
        points = []
        for (x0, y0), (x1, y1) in zip(stroke, stroke[1:]):
            points += [(x0 + (x1 - x0) * i / 6, y0 + (y1 - y0) * i / 6) for i in range(6)]
        yield [(round((x / 100 - 0.5) * size), round((y / 100 - 0.5) * size)) for x, y in points + stroke[-1:]]


def draw(strokes, kind=interaction.POINTER_MOUSE, lift=True):
    sheet = by_id('sheet')
    js('arguments[0].scrollIntoView({block: "center"})', sheet)
    pointer = PointerInput(kind, kind)
    for points in lines(strokes, sheet.size['width']):
        chain = ActionChains(driver, duration=0)
        chain.w3c_actions = webdriver.common.actions.action_builder.ActionBuilder(driver, mouse=pointer, duration=8)
        hand = chain.w3c_actions.pointer_action
        hand.move_to(sheet, *points[0]).pointer_down()
        for point in points[1:]:
            hand.move_to(sheet, *point)
        if lift:
            hand.pointer_up()
        chain.w3c_actions.perform()
    return pointer


def clear():
    if not inked():
        return
    by_id('clear').click()
    until(lambda: prediction() == '–' and not any(seen()) and not inked(), 'Clear did not clear')


def shares():
    texts = js('return [...document.querySelectorAll("#bars .value")].map((value) => value.textContent)')
    return [float(text.rstrip('%')) / 100 for text in texts]


def predicted():
    """Waits for the prediction for the current drawing."""
    until(lambda: spoken() not in ('', 'cleared') and spoken().split(',')[0] == prediction(), 'no prediction')
    return prediction()


driver.get(address)
until(lambda: '784-' in by_id('model').text, 'the page does not describe the model')
expect(by_id('invitation').is_displayed() and not by_id('clear').is_enabled(), 'an empty canvas has no invitation, or Clear is enabled')

correct = []
for digit, strokes in DIGITS.items():
    clear()
    draw(strokes)
    found = predicted()
    correct.append(found == digit)
    probabilities = shares()
    expect(abs(sum(probabilities) - 1) < 0.006, f'the probabilities sum to {sum(probabilities)}')
    expect(max(probabilities) == probabilities[int(found)], f'{found} does not have the largest of the probabilities {probabilities}')
    # The input of the network is centered by mass in 28x28 pixels.
    pixels = seen()
    mass = sum(pixels)
    x, y = (sum(level * place for level, place in zip(pixels, places)) / mass
            for places in ([i % 28 for i in range(784)], [i // 28 for i in range(784)]))
    expect(max(pixels) > 200 and abs(x - 13.5) <= 1 and abs(y - 13.5) <= 1, f'the input for {digit} is centered at {x:.2f}, {y:.2f}')
    # POST /predict gives the same prediction for a picture of the canvas.
    request = urllib.request.Request(f'{address}predict', photograph(), {'content-type': 'image/png'})
    sent = json.load(urllib.request.urlopen(request))
    expect(sent['name'] == found, f'the page predicts {found}, POST /predict {sent["name"]}')
    # Hidden units light up and show their weights.
    lit = js('''return [...document.querySelectorAll("#layers canvas")].map((layer) =>
                  layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data.filter((v, i) => i % 4 === 3 && v > 0).length)''')
    expect(lit and all(lit), f'no hidden unit lights up: {lit}')
    until(lambda: js('''const images = [...document.querySelectorAll("#units img")];
                        return images.length > 0 && images.every((image) => image.complete && image.naturalWidth === 28)'''),
          'the weights are missing')
expect(sum(correct) >= MIN_CORRECT, f'only {sum(correct)} of {len(correct)} digits are correct: {correct}')
by_tag('body').screenshot(os.path.join(screenshots, 'light.png'))

# The prediction appears, and changes, while the pen is down.
clear()
pointer = draw([DIGITS['7'][0][:3]], lift=False)
until(lambda: prediction() != '–', 'no prediction before the pen is lifted')
first = seen()
draw([[(70, 22), (60, 42), (46, 80)]])
until(lambda: seen() != first, 'the input did not change')

for kind in (interaction.POINTER_TOUCH, interaction.POINTER_PEN):
    clear()
    draw(DIGITS['3'], kind)
    expect(predicted() == '3', f'a 3 drawn by {kind} is predicted as {prediction()}')

# Undo and Clear by button and keyboard, and drawing by keyboard.
clear()
draw([[(30, 30), (30, 70)], [(70, 30), (70, 70)]])
predicted()
both = inked()
by_id('undo').click()
until(lambda: 0 < inked() < 0.6 * both, 'Undo removed nothing')
sheet = by_id('sheet')
sheet.send_keys(Keys.CONTROL, 'z', Keys.CONTROL)
until(lambda: prediction() == '–', 'Ctrl+Z did not remove the last stroke')
sheet.send_keys(' ', *[Keys.ARROW_DOWN] * 12, Keys.ENTER)
until(lambda: prediction() != '–' and inked(), 'the keyboard drew no line')
sheet.send_keys(Keys.DELETE)
until(lambda: prediction() == '–' and spoken() == 'cleared', 'Delete did not clear')

# Dark mode, and a phone.
draw(DIGITS['5'])
predicted()
driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': 'dark'}]})
ground = lambda: sum(map(int, js('return getComputedStyle(document.body).backgroundColor').strip('rgb()').split(',')))
until(lambda: ground() < 200, 'the page stays light in dark mode')
by_tag('body').screenshot(os.path.join(screenshots, 'dark.png'))
driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': []})
driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': 360, 'height': 740, 'deviceScaleFactor': 2, 'mobile': True})
until(lambda: js('return document.scrollingElement.scrollWidth <= 360'), 'the page is wider than a phone')
clear()
draw(DIGITS['2'], interaction.POINTER_TOUCH)
expect(predicted() == '2', f'a 2 on a phone is predicted as {prediction()}')
driver.save_screenshot(os.path.join(screenshots, 'phone.png'))

outside = js('return performance.getEntries().map((entry) => entry.name).filter((name) => name.includes("//") && !name.startsWith(location.origin))')
expect(not outside, f'the page requested other addresses: {outside}')
# Only these checks read the canvas often.
messages = [entry['message'] for entry in driver.get_log('browser') if 'willReadFrequently' not in entry['message']]
expect(not messages, f'the console has messages: {messages}')
expect(by_id('trouble').get_attribute('hidden'), by_id('trouble').text)
driver.quit()
print(f'{sum(correct)} of {len(correct)} digits by mouse; finger, pen, keyboard, dark mode and phone work')
